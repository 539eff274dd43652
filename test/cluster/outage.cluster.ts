/** S3 is away for minutes, or lets nobody in: running pods go on, starts are held with the reason, everything catches up. */
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeAll, describe, expect, inject, it } from 'vitest'
import type { Manifest } from '../manifests/chart.ts'
import { kubectl } from './installed.ts'
import {
  credentialsSecret,
  installHoldfast,
  newAppNamespace,
  type Credentials,
} from './support/holdfast.ts'
import { apply, read, until } from './support/objects.ts'
import {
  exec,
  isReady,
  podsOf,
  protectedCondition,
  readyPod,
  SIDECAR,
  statusOf,
} from './support/pods.ts'
import { moveGate, type GateState } from './support/s3-gate.ts'
import { versionsOf } from './support/stream.ts'
import {
  bare,
  deployment,
  IDLE,
  template,
  writerTemplate,
  type Named,
} from './support/workloads.ts'

/** What the issue calls minutes; running pods are looked at all the while. */
const OUTAGE_MS = 150_000

let namespace: string
const gate = (to: GateState) => moveGate(inject('cluster').gateControl, to)

beforeAll(async () => {
  await installHoldfast()
  namespace = newAppNamespace()
})

afterEach(() => gate('open'))

/** What the kubelet says of a pod's probe, in Events; the newest. */
function probeSays({ namespace: within, name }: Named): string | undefined {
  const events = read('-n', within, 'events', '--sort-by=.lastTimestamp').items as Manifest[]
  return events
    .filter(({ involvedObject }) => String(involvedObject.name).startsWith(name))
    .map(({ message }) => String(message))
    .findLast((message) => message.startsWith('Startup probe failed'))
}

describe('with S3 away', () => {
  it('running pods are untouched, starts are held with the reason, and everything catches up', async ({
    task,
  }) => {
    const running = { namespace, name: 'running' }
    const starting = { namespace, name: 'starting' }
    apply(
      deployment(running, writerTemplate(running.name)),
      bare(starting, template('starting', IDLE)),
    )
    const pod = await readyPod(running)
    const first = await readyPod(starting)
    exec(first, 'app', 'sh', '-c', 'echo kept > /data/file')
    kubectl('-n', namespace, 'delete', 'pod', starting.name)

    await gate('shut')
    const since = Date.now()
    apply(bare(starting, template('starting', IDLE)))
    const held = await until('the held start says why', () => probeSays(starting))
    let looks = 0
    for (; Date.now() < since + OUTAGE_MS; looks += 1) {
      const now = podsOf(running)[0]
      expect(isReady(now)).toBe(true)
      for (const name of ['app', SIDECAR]) expect(statusOf(now, name).restartCount).toBe(0)
      expect(podsOf(starting).some(isReady)).toBe(false)
      await sleep(2000)
    }
    const written = exec(pod, 'app', 'tail', '-n', '1', '/data/acknowledged').trim()
    const before = (await versionsOf(running))[0]?.n ?? 0

    await gate('open')
    const opened = Date.now()
    const again = await readyPod(starting, first.metadata.uid)
    const startedAfter = Date.now() - opened
    expect(exec(again, 'app', 'cat', '/data/file')).toBe('kept\n')
    await until('the running pod ships again', async () => {
      return ((await versionsOf(running))[0]?.n ?? 0) > before
    })
    task.meta.saw =
      `${OUTAGE_MS / 1000} s without S3, ready at ${looks} of ${looks} looks, ${written} writes; ` +
      `held: "${held}"; started ${(startedAfter / 1000).toFixed(1)} s after S3 was back`
  })
})

describe('with a token that has expired', () => {
  it('a running pod is untouched and says so, and ships once it is renewed', async ({ task }) => {
    const of = { namespace, name: 'expired' }
    apply(bare(of, template(of.name, IDLE)))
    const pod = await readyPod(of)
    const write = (word: string) => exec(pod, 'app', 'sh', '-c', `echo ${word} >> /data/file`)
    write('before')
    await until('a version', async () => (await versionsOf(of, of.name)).length === 1)
    await gate('expired')
    write('meanwhile')
    const condition = await until('the condition says so', () => {
      const found = protectedCondition(podsOf(of)[0])
      return /ExpiredToken/.test(String(found?.message)) && found
    })
    expect(condition.status).toBe('False')
    expect(condition.message).toMatch(/check or renew them/)
    const event = await until('an Event says so', () => {
      const events = read('-n', namespace, 'events').items as Manifest[]
      return events.find(({ message, involvedObject }) => {
        return involvedObject.name === of.name && /ExpiredToken/.test(String(message))
      })
    })
    task.meta.saw = `${event.reason}: ${event.message}`
    await gate('open')
    await until('another version', async () => (await versionsOf(of, of.name)).length === 2)
    const [now] = podsOf(of)
    for (const name of ['app', SIDECAR]) expect(statusOf(now, name).restartCount).toBe(0)
  })
})

describe('a pod whose store lets it not in is held, and says in words', () => {
  const wrong: [string, () => Credentials | undefined, string | undefined, RegExp][] = [
    [
      'that its secret key is wrong',
      () => ({ ...inject('cluster').s3, secretAccessKey: 'wrong' }),
      undefined,
      /credentials/,
    ],
    [
      'that its access key is unknown',
      () => ({ accessKeyId: 'NOBODY', secretAccessKey: 'wrong' }),
      undefined,
      /credentials/,
    ],
    [
      'that there is no such bucket',
      () => undefined,
      's3://no-such-bucket/x',
      /NoSuchBucket|bucket/i,
    ],
  ]
  it.for(wrong)('%s', async ([, credentials, store, says], { task }) => {
    const within = newAppNamespace()
    const wrongOnes = credentials()
    if (wrongOnes !== undefined) apply(credentialsSecret(within, wrongOnes))
    if (store !== undefined)
      kubectl('annotate', 'namespace', within, `holdfast.dev/policy=store: ${store}`)
    const pod = { namespace: within, name: 'locked-out' }
    apply(bare(pod, template(pod.name, IDLE)))
    const said = await until('the probe says why', () => probeSays(pod))
    expect(said).toMatch(says)
    expect(podsOf(pod).some(isReady)).toBe(false)
    task.meta.saw = said
    // The service hears of it from the sidecar, which needs no store for that.
    const condition = await until('the condition says so', () => {
      const found = protectedCondition(podsOf(pod)[0])
      return found?.status === 'False' && found
    })
    expect(condition.message).toMatch(says)
  })
})

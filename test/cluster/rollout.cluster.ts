/** A rollout of many pods while the service's replicas are killed and its authority changes: none without its sidecar, none stuck. */
import { beforeAll, expect, it } from 'vitest'
import type { Manifest } from '../manifests/chart.ts'
import { kubectl } from './installed.ts'
import { admissionTimes, shareBelow } from './support/admission-times.ts'
import { installHoldfast, isInstalled, newAppNamespace, SYSTEM } from './support/holdfast.ts'
import { apply, read, until } from './support/objects.ts'
import { conditionOf, isReady, killContainers, SIDECAR, statusOf } from './support/pods.ts'
import { deployment, IDLE, template } from './support/workloads.ts'

/** Replicas of one Deployment: each takes a slot, after those that are taken. */
const REPLICAS = 6
/** As many as the machine has room for: each sidecar asks for 20 thousandths of a core, so two cores have room for 90. */
const APPS = Math.ceil(Number(process.env['ROLLOUT_PODS'] ?? 12) / REPLICAS)
const PODS = APPS * REPLICAS
const PATIENCE_PER_POD_MS = 15_000
/** Twice they are all made, and the service's replicas are killed beside that. */
const timeout = 2 * PODS * PATIENCE_PER_POD_MS + 300_000
const NAME = `${PODS} pods are rolled while replicas are killed in turns and the authority changes`

let namespace: string

beforeAll(async () => {
  await installHoldfast()
  namespace = newAppNamespace()
})

/** Throws what the scheduler says where there is no room. */
function isPlaced(pod: Manifest): boolean {
  const scheduled = conditionOf(pod, 'PodScheduled')
  if (scheduled?.status === 'False') throw new Error(scheduled.message)
  return scheduled?.status === 'True'
}

const replicasOfService = (): Manifest[] =>
  read('-n', SYSTEM, 'pods', '-l', 'app.kubernetes.io/name=holdfast').items

function certificate(): string {
  return read('-n', SYSTEM, 'secret', 'holdfast-webhook-tls').data['tls.crt']
}

/** Resolves when it answers again. */
async function killOne(index: number): Promise<void> {
  const victim = replicasOfService()[index]
  const count = statusOf(victim, 'webhook').restartCount as number
  killContainers(victim, 'webhook')
  await until('the killed replica is back', () =>
    replicasOfService().some(
      (pod) =>
        pod.metadata.uid === victim.metadata.uid &&
        isReady(pod) &&
        statusOf(pod, 'webhook').restartCount > count,
    ),
  )
}

it(NAME, { timeout }, async ({ task }) => {
  const apps = Array.from({ length: APPS }, (_, index) => ({
    namespace,
    name: `many-${index}`,
  }))
  const all = () => read('-n', namespace, 'pods').items as Manifest[]
  const allReady = (not: ReadonlySet<string>) => {
    const pods = all().filter((pod) => pod.metadata.deletionTimestamp === undefined)
    return (
      pods.length === PODS &&
      pods.every((pod) => isReady(pod) && !not.has(pod.metadata.uid)) &&
      pods
    )
  }
  const ready = (not: ReadonlySet<string>) =>
    until(`${PODS} ready pods`, () => allReady(not), PODS * PATIENCE_PER_POD_MS)
  apply(...apps.map((app) => deployment(app, template(app.name, IDLE), { replicas: REPLICAS })))
  await until(`${PODS} pods have a place`, () => all().length === PODS && all().every(isPlaced))
  const before = await ready(new Set())
  const timesBefore = admissionTimes()
  const served = certificate()

  const began = Date.now()
  kubectl('-n', namespace, 'rollout', 'restart', 'deployment')
  // Without the key of its authority the service has to make another one.
  const withoutKey = [{ op: 'remove', path: '/data/ca.key' }]
  kubectl(
    '-n',
    SYSTEM,
    'patch',
    'secret',
    'holdfast-webhook-tls',
    '--type=json',
    '-p',
    JSON.stringify(withoutKey),
  )
  for (const index of [0, 1]) await killOne(index)
  const after = await ready(new Set(before.map((pod) => pod.metadata.uid as string)))
  const seconds = (Date.now() - began) / 1000
  for (const pod of after)
    expect((pod.spec.initContainers as Manifest[]).map(({ name }) => name)).toEqual([SIDECAR])
  await until('another certificate is served', () => certificate() !== served)
  await isInstalled()
  const { calls, seconds: p99 } = shareBelow(timesBefore, admissionTimes(), 0.99)
  task.meta.saw = `${PODS} pods rolled in ${seconds.toFixed(0)} s; ${calls} admissions, p99 at most ${p99 * 1000} ms`
})

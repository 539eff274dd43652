/** Every kind of workload has state that lasts: each replica its own, each run the next one's. */
import { beforeAll, describe, expect, it } from 'vitest'
import type { Manifest } from '../manifests/chart.ts'
import { kubectl } from './installed.ts'
import { installHoldfast, newAppNamespace } from './support/holdfast.ts'
import { apply, read, until } from './support/objects.ts'
import { exec, isReady, podsOf } from './support/pods.ts'
import { versionsOf } from './support/stream.ts'
import {
  deployment,
  IDLE,
  statefulSet,
  template,
  withEmptyDir,
  type Named,
} from './support/workloads.ts'

let namespace: string
const app = (name: string): Named => ({ namespace, name })
const inNamespace = (...words: string[]) => kubectl('-n', namespace, ...words)

beforeAll(async () => {
  await installHoldfast()
  namespace = newAppNamespace()
})

/** As many as asked for, all ready, none of them going, none with one of these uids. */
async function replicas(
  of: Named,
  count: number,
  not: readonly string[] = [],
): Promise<Manifest[]> {
  return until(`${count} ready pods of ${of.name}`, () => {
    const pods = podsOf(of)
    const good = pods.filter((pod) => isReady(pod) && !not.includes(pod.metadata.uid))
    return pods.length === count && good.length === count && good
  })
}

/** Each pod leaves its own name. Returns them. */
function mark(pods: readonly Manifest[]): string[] {
  return pods.map((pod) => {
    const { name } = pod.metadata
    exec(pod, 'app', 'sh', '-c', `echo ${name} > /data/owner`)
    return name as string
  })
}

const ownerSeenBy = (pod: Manifest) =>
  exec(pod, 'app', 'sh', '-c', 'cat /data/owner 2>/dev/null || true').trim()

/** Counts its runs in a file, and ends. */
const COUNTS_RUNS = ['sh', '-c', 'echo run >> /data/runs; wc -l < /data/runs']

function once(name: string, declared: string): Manifest {
  const pod = withEmptyDir(template(name, COUNTS_RUNS))
  pod.metadata.annotations['holdfast.dev/state'] = declared
  return { ...pod, spec: { ...pod.spec, restartPolicy: 'Never' } }
}

describe('a Job', () => {
  it('completes, and what it wrote is durable', async () => {
    const of = app('job')
    apply({
      apiVersion: 'batch/v1',
      kind: 'Job',
      metadata: of,
      spec: { backoffLimit: 0, template: once('job', '/data') },
    })
    inNamespace('wait', '--for=condition=Complete', 'job/job', '--timeout=120s')
    expect((await versionsOf(of))[0]?.counts.files).toBe(1)
  })
})

describe('a CronJob', () => {
  it('has in each run what the runs before it left', async () => {
    apply({
      apiVersion: 'batch/v1',
      kind: 'CronJob',
      metadata: app('cron'),
      spec: {
        schedule: '0 0 1 1 *',
        concurrencyPolicy: 'Forbid',
        jobTemplate: {
          spec: { backoffLimit: 0, template: once('cron', 'app: cron\npaths: [/data]\n') },
        },
      },
    })
    for (const run of [1, 2, 3]) {
      inNamespace('create', 'job', `cron-${run}`, '--from=cronjob/cron')
      inNamespace('wait', '--for=condition=Complete', `job/cron-${run}`, '--timeout=120s')
      expect(inNamespace('logs', `job/cron-${run}`, '-c', 'app').trim()).toBe(String(run))
    }
  })
})

function byNode(pods: readonly Manifest[]): Map<string, Manifest> {
  return new Map(pods.map((pod) => [pod.spec.nodeName as string, pod]))
}

describe('a DaemonSet', () => {
  it("keeps each node's state", async () => {
    const of = app('daemon')
    apply({
      apiVersion: 'apps/v1',
      kind: 'DaemonSet',
      metadata: of,
      spec: {
        selector: { matchLabels: { app: 'daemon' } },
        template: withEmptyDir(template('daemon', IDLE)),
      },
    })
    const count = read('nodes').items.length as number
    const before = await replicas(of, count)
    mark(before)
    inNamespace('rollout', 'restart', 'daemonset/daemon')
    const after = await replicas(
      of,
      count,
      before.map((pod) => pod.metadata.uid),
    )
    for (const [node, pod] of byNode(after))
      expect(ownerSeenBy(pod)).toBe(byNode(before).get(node)?.metadata.name)
  })
})

describe('a StatefulSet of three', () => {
  it('has three streams, and each replica its own again without its volume', async () => {
    const of = app('three')
    const spec = { replicas: 3, podManagementPolicy: 'Parallel' }
    apply(statefulSet(of, template('three', IDLE), spec))
    const before = await replicas(of, 3)
    mark(before)
    inNamespace('delete', 'pvc', '-l', 'app=three', '--wait=false')
    inNamespace('delete', 'pod', '-l', 'app=three')
    const after = await replicas(
      of,
      3,
      before.map((pod) => pod.metadata.uid),
    )
    for (const pod of after) expect(ownerSeenBy(pod)).toBe(pod.metadata.name)
  })
})

describe('a Deployment of three', () => {
  it.for([
    ['Recreate', { type: 'Recreate' }],
    ['maxSurge 0', { type: 'RollingUpdate', rollingUpdate: { maxSurge: 0, maxUnavailable: 1 } }],
  ] as const)('keeps three states when it is rolled under %s', async ([, strategy]) => {
    const name = `slots-${strategy.type.toLowerCase()}`
    const three = app(name)
    apply(deployment(three, template(name, IDLE), { replicas: 3, strategy }))
    const before = await replicas(three, 3)
    const names = mark(before)
    inNamespace('rollout', 'restart', `deployment/${name}`)
    const after = await replicas(
      three,
      3,
      before.map((pod) => pod.metadata.uid),
    )
    expect(after.map(ownerSeenBy).toSorted()).toEqual(names.toSorted())
  })

  it('has slot 0 for one, goes to three and back, and the one has its state', async () => {
    const of = app('slots')
    apply(deployment(of, template('slots', IDLE)))
    const [first] = await replicas(of, 1)
    const [name] = mark([first])
    inNamespace('scale', 'deployment/slots', '--replicas=3')
    const three = await replicas(of, 3)
    expect(three.map(ownerSeenBy).toSorted()).toEqual(['', '', name])
    mark(three)
    inNamespace('scale', 'deployment/slots', '--replicas=1')
    await replicas(of, 1)
    const uids = podsOf(of).map((pod) => pod.metadata.uid as string)
    inNamespace('rollout', 'restart', 'deployment/slots')
    const [last] = await replicas(of, 1, uids)
    expect(ownerSeenBy(last)).toBe(name)
    for (const slot of ['0', '1', '2'])
      expect((await versionsOf(of, slot)).length).toBeGreaterThan(0)
  })
})

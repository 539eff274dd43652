/** Five thousand pods that report, and an API server that must not notice. */
import { describe, expect, it } from 'vitest'
import { KEY } from '../../../shared/sidecar-contract.ts'
import type { Report } from '../../../shared/service-contract.ts'
import { AgentReports } from '../../../webhook/controller/agent-reports.ts'
import type { PodFacts, PodRef, PodWrite, Pods } from '../../../webhook/controller/pod-facts.ts'
import {
  ClusterError,
  ClusterUnreachableError,
  ConflictError,
} from '../../../webhook/kubernetes/cluster-error.ts'
import { runSeed, SeededRandom } from '../../support/seeded-random.ts'
import { VirtualTime } from '../../support/virtual-time.ts'
import { podFacts, report } from './reports.ts'

/** Pods as the API server has them, and each write of them with its time. */
class Cluster implements Pods {
  readonly pods = new Map<string, PodFacts>()
  readonly writes: { atMs: number; name: string }[] = []
  readonly errors: { error: unknown; isFinal: boolean }[] = []
  readonly told: string[] = []
  readonly time = new VirtualTime()
  /** Asked before each write: what it fails with. */
  fault: (name: string) => Error | undefined = () => undefined

  replica(): AgentReports {
    return new AgentReports({
      pods: this,
      events: {
        tell: async ({ pod }, { reason }) => void this.told.push(`${pod.name} ${reason}`),
      },
      clock: this.time.clock,
      onError: (error, _pod, isFinal) => this.errors.push({ error, isFinal }),
    })
  }

  add(name: string): PodRef {
    const pod = podFacts({ name, uid: `uid-${name}` })
    this.pods.set(name, pod)
    return pod
  }

  read(_namespace: string, name: string): Promise<PodFacts | undefined> {
    return Promise.resolve(this.pods.get(name))
  }

  containers(): Promise<[]> {
    return Promise.resolve([])
  }

  async write(pod: PodFacts, { condition, marks }: PodWrite): Promise<void> {
    const { name } = pod
    const fault = this.fault(name)
    if (fault !== undefined) throw fault
    const now = this.pods.get(name)
    if (now === undefined || now.resourceVersion !== pod.resourceVersion)
      throw new ConflictError('another version')
    this.writes.push({ atMs: this.time.nowMs, name })
    this.pods.set(name, {
      ...now,
      resourceVersion: String(Number(now.resourceVersion) + 1),
      condition: condition ?? now.condition,
      marks: { ...now.marks, ...marks },
    })
  }
}

const WELL = 'v1 is the newest version'

describe('five thousand pods', () => {
  it('that all report twice a minute are written at a bounded rate, and end up with their newest facts', async () => {
    const random = new SeededRandom(runSeed('reports'))
    const cluster = new Cluster()
    const replicas = [cluster.replica(), cluster.replica()]
    const newest = new Map<string, Report>()
    const pods = Array.from({ length: 5000 }, (_, index) => cluster.add(`shop-${index}`))
    for (const pod of pods) {
      let version = 0
      const say = () => {
        if (cluster.time.nowMs > 600_000) return
        version += 1
        const said = report({ lastVersion: version, lagSeconds: random.below(3) })
        newest.set(pod.name, said)
        void replicas[random.below(2)]!.take(pod, said)
      }
      cluster.time.every(30_000, random.below(30_000), say)
    }
    await cluster.time.pass(600_000)
    await cluster.time.pass(600_000)
    const bySecond = Map.groupBy(cluster.writes, ({ atMs }) => Math.floor(atMs / 1000))
    const busiest = Math.max(...[...bySecond.values()].map((writes) => writes.length))
    console.log(
      `${cluster.writes.length} writes for ${pods.length * 20} reports, ${busiest} at most in a second`,
    )
    expect(busiest).toBeLessThanOrEqual(60)
    expect(cluster.writes.length / 1200).toBeLessThanOrEqual(21)
    for (const [name, { lastVersion }] of newest)
      expect(cluster.pods.get(name)?.marks[KEY.lastVersion]).toBe(`v${lastVersion}`)
    expect(replicas.map(({ counts }) => counts.waiting)).toEqual([0, 0])
  })

  it('do not keep back what one of them has to tell', async () => {
    const cluster = new Cluster()
    const replica = cluster.replica()
    const pods = Array.from({ length: 5000 }, (_, index) => cluster.add(`shop-${index}`))
    // Everybody is known, and then makes progress.
    for (const pod of pods) void replica.take(pod, report({ lastVersion: 1 }))
    await cluster.time.until(() => replica.counts.waiting === 0, 600_000)
    for (const pod of pods) void replica.take(pod, report({ lastVersion: 2 }))
    const last = pods.at(-1)!
    void replica.take(last, report({ line: 'superseded' }))
    const tookMs = await cluster.time.until(
      () => cluster.pods.get(last.name)?.condition?.reason === 'Superseded',
      10_000,
    )
    expect(tookMs).toBeLessThanOrEqual(2000)
    expect(cluster.told).toEqual([`${last.name} Superseded`])
  })
})

describe('a write', () => {
  it('that the API server cannot take now is tried again, ever more slowly, and then is the newest', async () => {
    const cluster = new Cluster()
    const replica = cluster.replica()
    const pod = cluster.add('shop-0')
    let attempts = 0
    cluster.fault = () => {
      attempts += 1
      return cluster.time.nowMs < 60_000 ? new ClusterUnreachableError('429') : undefined
    }
    void replica.take(pod, report({ lastVersion: 1 }))
    await cluster.time.pass(30_000)
    void replica.take(pod, report({ lastVersion: 2 }))
    await cluster.time.until(() => replica.counts.waiting === 0, 180_000)
    await cluster.time.until(() => cluster.writes.length > 0, 180_000)
    expect(cluster.writes).toHaveLength(1)
    expect(cluster.pods.get('shop-0')?.marks[KEY.lastVersion]).toBe('v2')
    expect(attempts).toBeLessThan(16)
  })

  it('over a pod that changed meanwhile is planned anew', async () => {
    const cluster = new Cluster()
    const replica = cluster.replica()
    const pod = cluster.add('shop-0')
    cluster.fault = () => {
      cluster.fault = () => undefined
      return new ConflictError('another version')
    }
    void replica.take(pod, report({ lastVersion: 1 }))
    await cluster.time.until(() => cluster.writes.length === 1, 10_000)
    expect(cluster.pods.get('shop-0')?.condition?.message).toBe(WELL)
    expect(cluster.errors.map(({ isFinal }) => isFinal)).toEqual([false])
  })

  it('of a pod that is gone, or is another one by now, is dropped without a word', async () => {
    const cluster = new Cluster()
    const replica = cluster.replica()
    await replica.take({ namespace: 'shop', name: 'gone', uid: 'uid' }, report())
    cluster.add('shop-0')
    await replica.take({ namespace: 'shop', name: 'shop-0', uid: 'older' }, report())
    await cluster.time.pass(10_000)
    expect(replica.counts).toEqual({ reports: 2, writes: 0, waiting: 0 })
    expect(cluster.writes).toEqual([])
    expect(cluster.errors).toEqual([])
  })

  it('that is refused is given up, and told', async () => {
    const cluster = new Cluster()
    const replica = cluster.replica()
    const pod = cluster.add('shop-0')
    cluster.fault = () => new ClusterError('a policy denies it')
    const backups = [{ request: 'a', version: 1, problem: null }]
    const answer = replica.take(pod, report({ backups })).catch((error: unknown) => error)
    await cluster.time.pass(1000)
    expect(await answer).toBeInstanceOf(ClusterError)
    expect(cluster.errors.map(({ isFinal }) => isFinal)).toEqual([true])
  })
})

it.each([
  [
    'that answers a request',
    { backups: [{ request: 'before-upgrade', version: 1, problem: null }] },
    (pod: PodFacts) => pod.marks[KEY.lastBackup] === 'before-upgrade=v1',
  ],
  [
    // The pod goes with its containers: written later, it would go saying that something is unshipped.
    'that is the last',
    { phase: 'ended' },
    (pod: PodFacts) => pod.condition?.reason === 'Ended',
  ],
] as const)(
  'a report %s is answered when the pod says so, others at once',
  async (_, parts, saysSo) => {
    const cluster = new Cluster()
    const replica = cluster.replica()
    const pod = cluster.add('shop-0')
    cluster.fault = () =>
      cluster.time.nowMs < 5000 ? new ClusterUnreachableError('away') : undefined
    await replica.take(pod, report())
    let isAnswered = false
    void replica.take(pod, report(parts as Partial<Report>)).then(() => (isAnswered = true))
    await cluster.time.pass(4000)
    expect(isAnswered).toBe(false)
    await cluster.time.until(() => isAnswered, 60_000)
    expect(saysSo(cluster.pods.get('shop-0')!)).toBe(true)
  },
)

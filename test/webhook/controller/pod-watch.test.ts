/** What the leader tells of pods, each thing once, and what it counts. */
import { describe, expect, it } from 'vitest'
import { UnreachableError } from '../../../shared/object-store/object-store.ts'
import type { PodFacts } from '../../../webhook/controller/pod-facts.ts'
import { ClusterError, ClusterUnreachableError } from '../../../webhook/kubernetes/cluster-error.ts'
import { podFacts } from './reports.ts'
import { behind, condition, UNSHIPPED, Watched } from './watched.ts'

const endedBehind = condition({
  status: 'False',
  reason: 'Ended',
  message: `too early; ${UNSHIPPED}`,
})

describe('a pod that goes', () => {
  it('with everything shipped is not told of', async () => {
    const watched = new Watched()
    await watched.happen({ kind: 'gone', pod: podFacts({ condition: condition() }) })
    await watched.happen({ kind: 'gone', pod: podFacts({ uid: 'u2', condition: null }) })
    expect(watched.told).toEqual([])
  })

  it('with something unshipped is told of at its workload, with the size and since when', async () => {
    const watched = new Watched()
    await watched.happen({ kind: 'all', pods: [behind] }, { kind: 'gone', pod: behind })
    expect(watched.told).toEqual(['StatefulSet shop-0 GoneUnshipped'])
    expect(watched.notes[0]).toContain('at least 12 bytes unshipped since 2026-11-20T14:14:56Z')
    expect(watched.notes[0]).toContain('reported last, at 2026-11-20T14:15:00Z')
  })

  it('and had closed its stream, though nobody heard it say so, is not told of', async () => {
    const watched = new Watched()
    watched.hasClosed = (pod) => Promise.resolve(pod.uid === behind.uid)
    const other = { ...behind, name: 'shop-1', uid: 'uid-1' }
    await watched.happen({ kind: 'gone', pod: behind }, { kind: 'gone', pod: other })
    expect(watched.told).toEqual(['StatefulSet shop-1 GoneUnshipped'])
    await watched.happen({ kind: 'gone', pod: podFacts({ uid: 'u2', condition: endedBehind }) })
    expect(watched.told).toHaveLength(2)
    expect(watched.asked).toBe(2)
  })

  it.each([
    ['hangs', () => new Promise<boolean>(() => {})],
    ['is away', () => Promise.reject(new UnreachableError('away'))],
  ])('while the store %s is told of, and the next at once', async (_how, hasClosed) => {
    const watched = new Watched()
    watched.hasClosed = hasClosed
    await watched.happen({ kind: 'gone', pod: behind })
    await watched.time.pass(10_000)
    expect(watched.told).toHaveLength(1)
    await watched.happen({ kind: 'gone', pod: { ...behind, uid: 'u2' } })
    expect(watched.told).toHaveLength(2)
    expect(watched.asked).toBe(1)
    await watched.time.pass(60_000)
    await watched.happen({ kind: 'gone', pod: { ...behind, uid: 'u3' } })
    expect(watched.asked).toBe(2)
  })

  it('after its agent has said so is told of as lost where the volume is', async () => {
    const watched = new Watched()
    const pod = podFacts({ owner: null, condition: endedBehind })
    await watched.happen({ kind: 'gone', pod })
    expect(watched.told).toEqual(['Pod shop-0 GoneUnshipped'])
    expect(watched.notes[0]).toContain('lost where its volume has gone, too')
  })

  it('while the watch was broken is missed in the next list', async () => {
    const watched = new Watched()
    const other = podFacts({ name: 'shop-1', uid: 'uid-1' })
    await watched.happen({ kind: 'all', pods: [behind, other] })
    await watched.happen({ kind: 'all', pods: [other] })
    expect(watched.told).toEqual(['StatefulSet shop-0 GoneUnshipped'])
  })

  it('whose containers have ended has some time for its last word', async () => {
    const watched = new Watched()
    const ended = { ...behind, ended: true }
    await watched.happen({ kind: 'is', pod: ended })
    await watched.time.pass(10_000)
    const lastWord = condition({ reason: 'Ended', message: 'ended in order' })
    await watched.happen({ kind: 'is', pod: { ...ended, condition: lastWord } })
    await watched.time.pass(60_000)
    expect(watched.told).toEqual([])
    await watched.happen({ kind: 'is', pod: { ...ended, uid: 'u2' } })
    await watched.time.pass(60_000)
    await watched.happen({ kind: 'gone', pod: { ...ended, uid: 'u2' } })
    expect(watched.told).toEqual(['StatefulSet shop-0 GoneUnshipped'])
  })
})

describe('a pod that is there', () => {
  it('without its sidecar is told of once, however often it changes', async () => {
    const watched = new Watched()
    const pod = podFacts({ admitted: null })
    await watched.happen({ kind: 'all', pods: [pod] })
    for (let change = 0; change < 3; change += 1) await watched.happen({ kind: 'is', pod })
    expect(watched.told).toEqual(['StatefulSet shop-0 NotInjected'])
    expect(watched.watch.standing()).toEqual(new Map([['NotInjected', 1]]))
  })

  it.each([
    ['set', null, 'v42', true],
    ['changed', 'v41', 'v42', true],
    ['as it was created', 'v42', 'v42', false],
    ['taken off', 'v42', null, false],
  ])(
    'with the label %s is told that it does nothing where somebody may wait',
    async (_how, pin, restoreLabel, isTold) => {
      const watched = new Watched()
      const admitted = { ...podFacts().admitted!, pin }
      await watched.happen({ kind: 'is', pod: podFacts({ admitted, restoreLabel }) })
      expect(watched.told).toEqual(isTold ? ['Pod shop-0 RestoreIgnored'] : [])
    },
  )

  it('whose pin has set an image is told of it, and of what the template says', async () => {
    const watched = new Watched()
    const pinnedImages = [{ container: 'shop', image: 'shop:1', template: 'shop:2' }]
    const admitted = { ...podFacts().admitted!, pin: 'v42', pinnedImages }
    await watched.happen({ kind: 'is', pod: podFacts({ admitted, restoreLabel: 'v42' }) })
    expect(watched.told).toEqual(['Pod shop-0 ImagePinned'])
    expect(watched.notes).toEqual([
      'holdfast.dev/restore=v42 runs container "shop" with shop:1; the template says shop:2',
    ])
  })

  it('and ends is nobody’s business any more', async () => {
    const watched = new Watched()
    for (const parts of [{ ended: true }, { terminating: true }])
      await watched.happen({ kind: 'is', pod: podFacts({ admitted: null, ...parts }) })
    expect(watched.told).toEqual([])
  })
})

function many(count: number): PodFacts[] {
  return Array.from({ length: count }, (_, index) =>
    podFacts({ name: `shop-${index}`, uid: `uid-${index}`, admitted: null }),
  )
}

describe('what is told', () => {
  it('does not become a burst, and waits for an API server that is away', async () => {
    const watched = new Watched()
    watched.fault = () =>
      watched.time.nowMs < 60_000 ? new ClusterUnreachableError('away') : undefined
    await watched.happen({ kind: 'all', pods: many(500) })
    await watched.time.pass(59_000)
    expect(watched.told).toEqual([])
    await watched.time.until(() => watched.told.length > 0, 60_000)
    const tookMs = await watched.time.until(() => watched.told.length === 500, 120_000)
    expect(tookMs).toBeGreaterThan(45_000)
    expect(new Set(watched.told).size).toBe(500)
    expect(watched.errors).toEqual([])
  })

  it('is given up where it is refused, and the next is told', async () => {
    const watched = new Watched()
    let faults = 1
    watched.fault = () => (faults-- > 0 ? new ClusterError('the namespace is ending') : undefined)
    await watched.happen({ kind: 'all', pods: many(2) })
    expect(watched.told).toEqual(['StatefulSet shop-1 NotInjected'])
    expect(watched.errors).toHaveLength(1)
  })
})

it('counts pods by how they stand, and the lag of the last, until another leads', async () => {
  const watched = new Watched()
  const now = watched.time.clock.now().getTime()
  const since = `${new Date(now - 90_000).toISOString().slice(0, 19)}Z`
  const lagging = condition({
    reason: 'Lagging',
    message: `x; at least 5 bytes unshipped since ${since}`,
  })
  const pods = [
    podFacts({ uid: 'a', condition: condition() }),
    podFacts({ uid: 'b', condition: condition() }),
    podFacts({ uid: 'c', condition: lagging }),
    podFacts({ uid: 'd' }),
  ]
  await watched.happen({ kind: 'all', pods })
  expect(Object.fromEntries(watched.watch.standing())).toEqual({
    Protected: 2,
    Lagging: 1,
    Unreported: 1,
  })
  expect(watched.watch.lagSeconds()).toBeGreaterThan(89)
  watched.stop.abort()
  await watched.happen()
  expect(watched.watch.standing().size).toBe(0)
})

/** What happened while nobody watched is told by whoever leads next. */
import { describe, expect, it } from 'vitest'
import { ClusterUnreachableError } from '../../../webhook/kubernetes/cluster-error.ts'
import { podFacts } from './reports.ts'
import { behind, condition, Watched } from './watched.ts'

describe('between two leaders', () => {
  it('a pod that went with something unshipped is told of by the second', async () => {
    const watched = new Watched('30')
    watched.goneBefore = [behind, podFacts({ uid: 'u2', condition: condition() })]
    await watched.happen({ kind: 'all', pods: [] })
    await watched.time.pass(25_000)
    expect(watched.told).toEqual(['StatefulSet shop-0 GoneUnshipped'])
    expect(watched.lookedBackTo).toEqual(['30'])
  })

  it('what cannot be asked is asked again', async () => {
    const watched = new Watched('30')
    watched.goneBefore = [behind]
    watched.lookBackFault = () =>
      watched.lookedBackTo.length < 3 ? new ClusterUnreachableError('away') : undefined
    await watched.time.pass(120_000)
    expect(watched.told).toEqual(['StatefulSet shop-0 GoneUnshipped'])
    expect(watched.errors).toHaveLength(2)
  })

  it('nothing is asked where nobody watched before', async () => {
    const watched = new Watched()
    await watched.time.pass(60_000)
    expect(watched.lookedBackTo).toEqual([])
  })

  it('nobody begins after what may be untold yet', async () => {
    const watched = new Watched('30')
    const { watch } = watched
    await watched.happen({ kind: 'all', pods: [] }, { kind: 'reached', version: '40' })
    expect(watch.watchedTo, 'while it looks back').toBeNull()
    await watched.time.pass(22_000)
    expect(watch.watchedTo, 'at first').toBe('30')
    await watched.time.pass(10_000)
    expect(watch.watchedTo, 'after half a minute').toBe('40')
    await watched.happen({ kind: 'reached', version: '50' })
    expect(watch.watchedTo).toBe('40')
    await watched.time.pass(30_000)
    expect(watch.watchedTo).toBe('50')
  })
})

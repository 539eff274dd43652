/** Never two leaders, whatever the API server does; and one, soon after it is well. */
import { describe, expect, it } from 'vitest'
import { standForElection, type Election } from '../../../webhook/leader/election.ts'
import { runSeed, SeededRandom } from '../../support/seeded-random.ts'
import { VirtualTime } from '../../support/virtual-time.ts'
import { FaultyLeaseStore } from './faulty-lease-store.ts'

class Replicas {
  readonly time = new VirtualTime()
  readonly random: SeededRandom
  readonly store: FaultyLeaseStore
  readonly leading = new Set<string>()
  readonly errors: unknown[] = []
  readonly overlaps: string[] = []
  /** How far each has come, and where those who led began. */
  readonly watchedTo = new Map<string, string>()
  readonly since: [string, string | null][] = []
  terms = 0

  constructor(seed = 1) {
    this.random = new SeededRandom(seed)
    this.store = new FaultyLeaseStore(this.time.clock, this.random)
  }

  start(identity: string, work: (signal: AbortSignal) => Promise<void> = untilAborted) {
    const line = this.store.line()
    const election: Election = standForElection({
      store: line,
      identity,
      clock: this.time.clock,
      random: () => this.random.next(),
      onError: (error) => this.errors.push(error),
      watchedTo: () => this.watchedTo.get(identity) ?? null,
      lead: async (signal, since) => {
        this.since.push([identity, since])
        for (const other of this.leading) this.overlaps.push(`${identity} began beside ${other}`)
        this.leading.add(identity)
        this.terms += 1
        await work(signal)
        this.leading.delete(identity)
      },
    })
    return { line, election }
  }

  leader(): string | undefined {
    return [...this.leading][0]
  }

  /** How long it takes, in milliseconds, until this one leads. */
  untilLeads(identity: string, mostMs = 60_000): Promise<number> {
    return this.time.until(() => this.leader() === identity, mostMs)
  }
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve()))
}

describe('two replicas', () => {
  it('have one leader, which renews', async () => {
    const replicas = new Replicas()
    replicas.start('one')
    replicas.start('two')
    await replicas.time.until(() => replicas.leading.size > 0, 5000)
    const leader = replicas.leader()
    const renewed = replicas.store.lease?.renewedAt
    await replicas.time.pass(3_600_000)
    expect(replicas.leader()).toBe(leader)
    expect(replicas.terms).toBe(1)
    expect(replicas.store.lease).toMatchObject({ holder: leader, transitions: 0 })
    expect(replicas.store.lease?.renewedAt).not.toBe(renewed)
    expect(replicas.errors).toEqual([])
  })

  it('go on from where the one before had come to', async () => {
    const replicas = new Replicas()
    const one = replicas.start('one')
    await replicas.untilLeads('one')
    replicas.start('two')
    replicas.watchedTo.set('one', '40').set('two', '9')
    await replicas.time.pass(10_000)
    const closed = one.election.close()
    await replicas.untilLeads('two')
    await closed
    replicas.watchedTo.delete('two')
    await replicas.time.pass(10_000)
    expect(replicas.since).toEqual([
      ['one', null],
      ['two', '40'],
    ])
    expect(replicas.store.lease?.watchedTo, 'nobody has come any further').toBe('40')
    replicas.watchedTo.set('two', '50')
    await replicas.time.pass(10_000)
    expect(replicas.store.lease?.watchedTo).toBe('50')
  })

  it('hand over at once when the leader is stopped', async () => {
    const replicas = new Replicas()
    const one = replicas.start('one')
    await replicas.untilLeads('one')
    replicas.start('two')
    await replicas.time.pass(10_000)
    const closed = one.election.close()
    expect(await replicas.untilLeads('two')).toBeLessThanOrEqual(2100)
    await closed
    expect(replicas.store.lease).toMatchObject({ holder: 'two', transitions: 1 })
  })

  it('change the leader where it is cut off, which has stopped 5 s before', async () => {
    const replicas = new Replicas()
    const one = replicas.start('one')
    await replicas.untilLeads('one')
    replicas.start('two')
    await replicas.time.pass(10_000)
    one.line.isCut = true
    const stopsAfterMs = await replicas.time.until(() => replicas.leading.size === 0, 20_000)
    expect(stopsAfterMs).toBeGreaterThanOrEqual(7900)
    expect(stopsAfterMs).toBeLessThanOrEqual(10_000)
    expect(await replicas.untilLeads('two')).toBeGreaterThanOrEqual(3000)
    one.line.isCut = false
    await replicas.time.pass(600_000)
    expect(replicas.leader()).toBe('two')
    expect(replicas.overlaps).toEqual([])
    expect(replicas.errors.length).toBeGreaterThan(0)
  })

  it('wait for a leader that ended without a word', async () => {
    const replicas = new Replicas()
    const one = replicas.start('one')
    await replicas.untilLeads('one')
    one.line.isCut = true
    void one.election.close()
    await replicas.time.until(() => replicas.leading.size === 0, 10_000)
    replicas.start('two')
    expect(await replicas.untilLeads('two')).toBeGreaterThanOrEqual(14_900)
  })

  it('go on where the Lease is taken away', async () => {
    const replicas = new Replicas()
    replicas.start('one')
    await replicas.untilLeads('one')
    replicas.store.lease = undefined
    await replicas.time.until(() => replicas.leading.size === 0, 2100)
    await replicas.untilLeads('one')
  })

  it('change the leader where its work fails, and do not hold on to the Lease', async () => {
    const replicas = new Replicas()
    const failing = { fails: true }
    replicas.start('one', async (signal) => {
      if (!failing.fails) return untilAborted(signal)
      replicas.leading.clear()
      throw new Error('broken')
    })
    await replicas.time.until(() => replicas.errors.length > 0, 5000)
    await replicas.time.until(() => replicas.store.lease?.holder === null, 1000)
    failing.fails = false
    await replicas.untilLeads('one', 5000)
  })

  it('are never two leaders behind a faulty API server, and one soon after it is well', async () => {
    const first = runSeed('leader election')
    for (let seed = first; seed < first + 40; seed += 1) {
      const replicas = new Replicas(seed)
      const both = ['one', 'two'].map((identity) => replicas.start(identity))
      for (const faults of [30, 70, 95]) {
        replicas.store.faults = faults
        await replicas.time.pass(300_000)
        for (const { line } of both) line.isCut = replicas.random.below(2) === 0
        await replicas.time.pass(60_000)
        for (const { line } of both) line.isCut = false
      }
      replicas.store.faults = 0
      await replicas.time.until(() => replicas.leading.size === 1, 45_000)
      const leader = replicas.leader()
      await replicas.time.pass(300_000)
      expect(replicas.overlaps, `seed ${seed}`).toEqual([])
      expect(replicas.leader()).toBe(leader)
      expect(replicas.terms).toBeGreaterThan(1)
    }
  })
})

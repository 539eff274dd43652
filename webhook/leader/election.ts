/**
 * One of the replicas leads. The Lease is no lock: a leader that stands still for longer than it knows may still have a
 * write under way, so what leaders write is guarded by resourceVersion as well.
 */
import { setMaxListeners } from 'node:events'
import type { Clock } from '../../shared/clock.ts'
import { within } from '../../shared/within.ts'
import { ConflictError, MissingObjectError } from '../kubernetes/cluster-error.ts'
import type { Lease, LeaseStore, StoredLease } from './lease.ts'
import { heldBy, isFree, released, see, type SeenLease } from './lease-move.ts'

/** A leader that could not renew for so long stops: 5 s before anybody else may begin. */
const RENEW_DEADLINE_MS = 10_000
const RETRY_MS = 2000
/** Contenders that began together do not ask together for ever. */
const JITTER = 0.2
/** What a release may take of a stop's time. */
const RELEASE_MS = 2000

export interface Candidate {
  readonly store: LeaseStore
  /** Of this process alone, also among its own earlier lives. */
  readonly identity: string
  readonly clock: Clock
  /**
   * The leader's work. Ends soon after the signal aborts; where it ends before, the Lease is given back.
   * @param watchedTo by those that led before.
   */
  readonly lead: (signal: AbortSignal, watchedTo: string | null) => Promise<void>
  /** How far this one has watched while it leads; null: no further than those before. */
  readonly watchedTo: () => string | null
  /** The Lease cannot be read or written (for the moment), or the work failed. */
  readonly onError: (error: unknown) => void
  /** Draws from [0, 1). */
  readonly random?: () => number
}

export interface Election {
  /** Stops leading, waits for the work's end, and gives the Lease back so that nobody has to wait for it. */
  close(): Promise<void>
}

export function standForElection(candidate: Candidate): Election {
  const stop = new AbortController()
  setMaxListeners(0, stop.signal)
  const ended = new Contender(candidate, stop.signal).run()
  return {
    async close() {
      stop.abort()
      await ended
    },
  }
}

/** The Lease as we wrote it. */
interface Held {
  readonly lease: StoredLease
  /** When the write was begun (monotonic): others saw it later, and wait from then. */
  readonly fromMs: number
}

class Contender {
  readonly #candidate: Candidate
  readonly #stop: AbortSignal
  #seen: SeenLease | undefined

  constructor(candidate: Candidate, stop: AbortSignal) {
    this.#candidate = candidate
    this.#stop = stop
  }

  async run(): Promise<void> {
    while (!this.#stop.aborted) {
      const held = await this.#attempt(RENEW_DEADLINE_MS, (signal) =>
        this.#acquire(AbortSignal.any([signal, this.#stop])),
      )
      if (held !== undefined) await this.#term(held)
      await this.#pause(RETRY_MS, this.#stop)
    }
  }

  /** Leads until it is stopped, the work ends, or the Lease was not renewed in time. */
  async #term(first: Held): Promise<void> {
    const { lead, onError } = this.#candidate
    const term = new AbortController()
    setMaxListeners(0, term.signal)
    const workEnded = new AbortController()
    const work = lead(term.signal, first.lease.watchedTo)
      .catch(onError)
      .finally(() => workEnded.abort())
    const held = await this.#renew(first, AbortSignal.any([this.#stop, workEnded.signal]))
    term.abort()
    await work
    if (held !== undefined) await this.#attempt(RELEASE_MS, (signal) => this.#release(held, signal))
  }

  /** Answers the Lease as it is held when `end` aborts; undefined: it is lost. */
  async #renew(first: Held, end: AbortSignal): Promise<Held | undefined> {
    for (let held = first; ;) {
      await this.#pause(Math.min(RETRY_MS, this.#leftMs(held)), end)
      if (end.aborted) return held
      const before = held
      const after = await this.#attempt(this.#leftMs(held), (signal) =>
        this.#prolong(before, signal),
      )
      if (after === 'lost' || this.#leftMs(after ?? held) <= 0) return undefined
      held = after ?? held
    }
  }

  /** Undefined: somebody else leads. */
  async #acquire(signal: AbortSignal): Promise<Held | undefined> {
    const { store, identity, clock } = this.#candidate
    const lease = await store.read(signal)
    const fromMs = clock.monotonicMs()
    if (lease === undefined)
      return { fromMs, lease: await store.create(this.#terms(undefined), signal) }
    this.#seen = see(this.#seen, lease, fromMs)
    if (!isFree(this.#seen, identity, fromMs)) return undefined
    return { fromMs, lease: await store.replace(lease, this.#terms(lease), signal) }
  }

  async #prolong({ lease }: Held, signal: AbortSignal): Promise<Held | 'lost'> {
    const { store, identity, clock } = this.#candidate
    const fromMs = clock.monotonicMs()
    try {
      return { fromMs, lease: await store.replace(lease, this.#terms(lease), signal) }
    } catch (error) {
      if (!(error instanceof ConflictError || error instanceof MissingObjectError)) throw error
    }
    // An earlier write of ours may have been done without our hearing of it.
    const found = await store.read(signal)
    if (found?.holder !== identity) return 'lost'
    const againMs = clock.monotonicMs()
    return { fromMs: againMs, lease: await store.replace(found, this.#terms(found), signal) }
  }

  async #release({ lease }: Held, signal: AbortSignal): Promise<void> {
    const { store, clock } = this.#candidate
    await store.replace(lease, released(lease, clock.now()), signal)
  }

  #terms(before: StoredLease | undefined): Lease {
    const { identity, clock, watchedTo } = this.#candidate
    const isOurs = before?.holder === identity
    return heldBy(identity, before, clock.now(), isOurs ? watchedTo() : null)
  }

  /** Undefined where it failed, or took longer than `ms`. */
  async #attempt<T>(ms: number, work: (signal: AbortSignal) => Promise<T>): Promise<T | undefined> {
    const { clock, onError } = this.#candidate
    try {
      return await within(ms, clock, work)
    } catch (error) {
      // Two who wrote at once, and this one second, is how it is meant to be.
      if (!(error instanceof ConflictError) && !this.#stop.aborted) onError(error)
      return undefined
    }
  }

  #leftMs(held: Held): number {
    return held.fromMs + RENEW_DEADLINE_MS - this.#candidate.clock.monotonicMs()
  }

  async #pause(ms: number, end: AbortSignal): Promise<void> {
    const { clock, random = Math.random } = this.#candidate
    await clock.sleep(ms - ms * JITTER * random(), end)
  }
}

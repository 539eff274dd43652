/** A store in memory with a virtual clock, which can be out, and knows when it was asked. */
import type { Clock } from '../../shared/clock.ts'
import type { ByteRange, ObjectStore } from '../../shared/object-store/object-store.ts'
import { AccessDeniedError, UnreachableError } from '../../shared/object-store/object-store.ts'
import { MemoryStore } from '../shared/repository/memory-store.ts'

const ANSWER_MS = 20
/** A refused connection is the quickest of failures, so the one that is repeated most. */
const REFUSED_MS = 1

export class OutageStore implements ObjectStore {
  readonly url = 'memory:'
  readonly held = new MemoryStore()
  /** Virtual time of each request. */
  readonly askedMs: number[] = []
  state: 'up' | 'out' | 'denied' = 'up'
  readonly #clock: Clock

  constructor(clock: Clock) {
    this.#clock = clock
    this.held.now = () => clock.now()
  }

  create(key: string, body: Buffer): Promise<'created' | 'exists'> {
    return this.#answer(() => this.held.create(key, body))
  }

  get(key: string, range?: ByteRange): ReturnType<ObjectStore['get']> {
    return this.#answer(() => this.held.get(key, range))
  }

  list(...args: Parameters<ObjectStore['list']>): ReturnType<ObjectStore['list']> {
    return this.#answer(() => this.held.list(...args))
  }

  folders(): Promise<string[]> {
    return Promise.resolve([])
  }

  delete(): Promise<void> {
    throw new Error('no agent may delete')
  }

  /** The most requests in any span of this length after `sinceMs`. */
  mostWithin(spanMs: number, sinceMs: number): number {
    const asked = this.askedMs.filter((ms) => ms >= sinceMs)
    let most = 0
    for (let from = 0, to = 0; to < asked.length; to += 1) {
      while ((asked[to] ?? 0) - (asked[from] ?? 0) >= spanMs) from += 1
      most = Math.max(most, to - from + 1)
    }
    return most
  }

  async #answer<T>(effect: () => Promise<T>): Promise<T> {
    this.askedMs.push(this.#clock.monotonicMs())
    await this.#clock.sleep(this.state === 'up' ? ANSWER_MS : REFUSED_MS)
    if (this.state === 'out') throw new UnreachableError('the store is out')
    if (this.state === 'denied') throw new AccessDeniedError('403')
    return effect()
  }
}

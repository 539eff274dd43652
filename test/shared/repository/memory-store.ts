/** An object store for tests of what lies above it: its clock is turned by hand, its answers can be lost. */
import type {
  ByteRange,
  ObjectInfo,
  ObjectStore,
  StoredObject,
} from '../../../shared/object-store/object-store.ts'
import { UnreachableError } from '../../../shared/object-store/object-store.ts'
import { resolveRange } from '../../../shared/object-store/byte-range.ts'
import type { Patience } from '../../../shared/patience.ts'

/** What becomes of a call: its request is lost, its answer is lost, or neither. */
export type Fate = 'request lost' | 'answer lost' | 'answered'

export class MemoryStore implements ObjectStore {
  readonly url = 'memory:'
  readonly objects = new Map<string, { body: Buffer; modifiedAt: Date }>()
  /** Every call that was made, as `get v1/…`. */
  readonly calls: string[] = []
  fetchedBytes = 0
  now: () => Date = () => new Date()
  fateOf: (call: string) => Fate = () => 'answered'
  /** Awaited by each `create` before it takes effect. */
  beforeCreate: (key: string) => Promise<void> = () => Promise.resolve()

  async create(key: string, body: Buffer): Promise<'created' | 'exists'> {
    await this.beforeCreate(key)
    return this.#call(`create ${key}`, () => {
      if (this.objects.has(key)) return 'exists'
      this.objects.set(key, { body: Buffer.from(body), modifiedAt: this.now() })
      return 'created'
    })
  }

  async get(key: string, range?: ByteRange): Promise<StoredObject | undefined> {
    return this.#call(`get ${key}`, () => {
      const object = this.objects.get(key)
      if (object === undefined) return undefined
      const { start, end } = resolveRange(range, object.body.length)
      this.fetchedBytes += end - start
      const body = Buffer.from(object.body.subarray(start, end))
      return { body, modifiedAt: object.modifiedAt, sizeBytes: object.body.length }
    })
  }

  async list(
    prefix: string,
    options: { after?: string; limit?: number } = {},
  ): Promise<ObjectInfo[]> {
    return this.#call(`list ${prefix}`, () => {
      const { after = '', limit = Infinity } = options
      const keys = [...this.objects.keys()].filter((key) => key.startsWith(prefix) && key > after)
      return keys
        .toSorted()
        .slice(0, limit)
        .map((key) => {
          const { body, modifiedAt } = this.objects.get(key) ?? { body: Buffer.alloc(0) }
          return { key, sizeBytes: body.length, modifiedAt: modifiedAt ?? this.now() }
        })
    })
  }

  async folders(prefix: string): Promise<string[]> {
    return this.#call(`folders ${prefix}`, () => {
      const below = [...this.objects.keys()].filter((key) => key.startsWith(prefix))
      return [
        ...new Set(below.map((key) => key.slice(prefix.length).split('/')[0] ?? '')),
      ].toSorted()
    })
  }

  delete(key: string): Promise<void> {
    this.objects.delete(key)
    return Promise.resolve()
  }

  #call<T>(call: string, effect: () => T): T {
    this.calls.push(call)
    const fate = this.fateOf(call)
    if (fate === 'request lost') throw new UnreachableError('the request was lost')
    const answer = effect()
    if (fate === 'answer lost') throw new UnreachableError('the answer was lost')
    return answer
  }
}

/** A clock that moves only when somebody sleeps: waits cost no time, and can be counted. */
export class HandClock {
  ms = 0
  readonly sleeps: number[] = []

  monotonicMs(): number {
    return this.ms
  }

  now(): Date {
    return new Date(Date.UTC(2026, 10, 20) + this.ms)
  }

  async sleep(ms: number): Promise<void> {
    this.sleeps.push(ms)
    this.ms += ms
    await Promise.resolve()
  }
}

export function patience(clock = new HandClock()): Patience & { clock: HandClock } {
  return { clock }
}

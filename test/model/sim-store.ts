/** The bucket of the model: conditional create in memory, with whatever the net does to requests and answers. */
import type {
  ByteRange,
  ObjectInfo,
  ObjectStore,
  StoredObject,
} from '../../shared/object-store/object-store.ts'
import { AccessDeniedError, UnreachableError } from '../../shared/object-store/object-store.ts'

/** What becomes of one request. `late`: its sender hears nothing, and it takes effect at some later time, or never. */
export type Fate = 'answered' | 'answer lost' | 'request lost' | 'late'

/** S3 refuses a request that was signed longer ago. */
export const SIGNATURE_MS = 15 * 60 * 1000

export interface Create {
  readonly key: string
  readonly body: Buffer
  /** The agent that sent it. */
  readonly sender: string
  /** Virtual time. */
  readonly signedMs: number
}

interface Held {
  readonly body: Buffer
  readonly modifiedAt: Date
  readonly storedMs: number
}

/** The bucket itself. */
export class Bucket {
  readonly objects = new Map<string, Held>()
  /** Creates that are still on their way. */
  late: Create[] = []
  state: 'up' | 'down' | 'denied' = 'up'
  /** False: it overwrites what is there, as some stores do in versioned buckets. */
  conditional = true
  readonly #nowMs: () => number
  readonly #onCreated: (create: Create) => void

  constructor(nowMs: () => number, onCreated: (create: Create) => void) {
    this.#nowMs = nowMs
    this.#onCreated = onCreated
  }

  create(create: Create): 'created' | 'exists' {
    if (this.conditional && this.objects.has(create.key)) return 'exists'
    const storedMs = this.#nowMs()
    const modifiedAt = new Date(1_800_000_000_000 + storedMs)
    this.objects.set(create.key, { body: create.body, modifiedAt, storedMs })
    this.#onCreated(create)
    return 'created'
  }

  /** An object by the last part of its key: a pack's name, or `v<n>`. */
  named(name: string): Held | undefined {
    for (const [key, held] of this.objects)
      if (key.endsWith(`/${name}`) || key.endsWith(`-${name}`)) return held
    return undefined
  }
}

/** Waits until the scheduler lets this operation happen. */
export type Turn = (what: string) => Promise<void>

/** One agent's way to the bucket. Every operation waits for its turn. */
export class SimStore implements ObjectStore {
  readonly url = 'model:///bucket'
  readonly #bucket: Bucket
  readonly #sender: string
  readonly #turn: Turn
  readonly #nowMs: () => number
  readonly #fate: (what: string) => Fate

  constructor(
    bucket: Bucket,
    sender: string,
    turn: Turn,
    nowMs: () => number,
    fate: (what: string) => Fate,
  ) {
    this.#bucket = bucket
    this.#sender = sender
    this.#turn = turn
    this.#nowMs = nowMs
    this.#fate = fate
  }

  async create(key: string, body: Buffer): Promise<'created' | 'exists'> {
    const create = { key, body, sender: this.#sender, signedMs: this.#nowMs() }
    const what = `put ${nameOf(key)}`
    await this.#turn(what)
    this.#requireAnswer(what)
    if (this.#nowMs() - create.signedMs > SIGNATURE_MS)
      throw new AccessDeniedError(`${what}: signed too long ago`)
    const fate = this.#fate(what)
    if (fate === 'late') this.#bucket.late.push(create)
    if (fate === 'late' || fate === 'request lost') throw new UnreachableError(`${what}: no answer`)
    const outcome = this.#bucket.create(create)
    if (fate === 'answer lost') throw new UnreachableError(`${what}: no answer`)
    return outcome
  }

  async get(key: string, range?: ByteRange): Promise<StoredObject | undefined> {
    await this.#read(`get ${nameOf(key)}`)
    const held = this.#bucket.objects.get(key)
    if (held === undefined) return undefined
    const { body, modifiedAt } = held
    return { body: cut(body, range), modifiedAt, sizeBytes: body.length }
  }

  async list(
    prefix: string,
    options: { after?: string; limit?: number } = {},
  ): Promise<ObjectInfo[]> {
    await this.#read('list')
    const { after = '', limit = Infinity } = options
    const keys = [...this.#bucket.objects.keys()].filter(
      (key) => key.startsWith(prefix) && key > after,
    )
    return keys
      .toSorted()
      .slice(0, limit)
      .flatMap((key) => {
        const held = this.#bucket.objects.get(key)
        if (held === undefined) return []
        return [{ key, sizeBytes: held.body.length, modifiedAt: held.modifiedAt }]
      })
  }

  folders(): Promise<string[]> {
    return Promise.resolve([])
  }

  delete(): Promise<void> {
    throw new Error('no agent may delete')
  }

  async #read(what: string): Promise<void> {
    await this.#turn(what)
    this.#requireAnswer(what)
    if (this.#fate(what) !== 'answered') throw new UnreachableError(`${what}: no answer`)
  }

  #requireAnswer(what: string): void {
    if (this.#bucket.state === 'down') throw new UnreachableError(`${what}: the store is down`)
    if (this.#bucket.state === 'denied') throw new AccessDeniedError(`${what}: 403`)
  }
}

export function nameOf(key: string): string {
  const last = key.slice(key.lastIndexOf('/') + 1)
  return last.slice(last.indexOf('-') + 1)
}

function cut(body: Buffer, range: ByteRange | undefined): Buffer {
  if (range === undefined) return body
  if ('lastBytes' in range) return body.subarray(Math.max(0, body.length - range.lastBytes))
  return body.subarray(range.offset, range.offset + range.lengthBytes)
}

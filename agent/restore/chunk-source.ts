/**
 * Brings chunks from the repository, in the order in which a plan will ask for them: neighbouring frames in one
 * ranged GET, the next range while the last one is written. Every chunk is verified against its hash.
 * Memory: about two ranges of `RANGE_BYTES`, and one decoded frame.
 */
import { createHash } from 'node:crypto'
import { CorruptObjectError } from '../../shared/errors.ts'
import type { ObjectStore } from '../../shared/object-store/object-store.ts'
import type { Patience } from '../../shared/patience.ts'
import { untilReachable } from '../../shared/patience.ts'
import type { StoredChunk } from '../../shared/repository/entry.ts'
import type { FrameRef } from '../../shared/repository/frame.ts'
import { decodeFrame } from '../../shared/repository/frame.ts'
import { packKey } from '../../shared/repository/object-keys.ts'
import type { StreamName } from '../../shared/stream-name.ts'

const RANGE_BYTES = 8 * 1024 * 1024
/** Bytes that nobody asked for are read along when they are fewer than this: cheaper than another request. */
const GAP_BYTES = 64 * 1024

interface Range {
  readonly pack: string
  readonly offset: number
  end: number
  body?: Promise<Buffer>
}

export class ChunkSource {
  readonly #store: ObjectStore
  readonly #stream: StreamName
  readonly #patience: Patience
  readonly #ranges: Range[] = []
  readonly #rangeOf = new Map<string, number>()
  readonly #loaded = new Set<Range>()
  #frame: { key: string; plain: Buffer } | undefined
  /** Bytes received from the store. */
  fetchedBytes = 0

  /** @param wanted the chunks in the order in which `read` will be asked for them. */
  constructor(
    store: ObjectStore,
    stream: StreamName,
    wanted: Iterable<StoredChunk>,
    patience: Patience,
  ) {
    this.#store = store
    this.#stream = stream
    this.#patience = patience
    for (const { pack, frame } of wanted) this.#want(pack, frame)
  }

  /** The chunk's plain bytes, verified. Throws `CorruptObjectError` when its object is damaged or gone. */
  async read(chunk: StoredChunk): Promise<Buffer> {
    const plain = await this.#frameOf(chunk)
    const bytes = plain.subarray(chunk.start, chunk.start + chunk.lengthBytes)
    if (createHash('sha256').update(bytes).digest('hex') === chunk.id) return bytes
    throw new CorruptObjectError(
      packKey(this.#stream, chunk.pack),
      `chunk ${chunk.id} does not match its hash`,
    )
  }

  #want(pack: string, frame: FrameRef): void {
    const key = frameKey(pack, frame)
    if (this.#rangeOf.has(key)) return
    this.#rangeOf.set(key, this.#rangeFor(pack, frame))
  }

  /** The index of the range that will bring a frame: the last one, made longer if need be, or a new one. */
  #rangeFor(pack: string, frame: FrameRef): number {
    const end = frame.offset + frame.storedBytes
    const last = this.#ranges.at(-1)
    const fits =
      last?.pack === pack &&
      last.body === undefined &&
      frame.offset >= last.offset &&
      frame.offset <= last.end + GAP_BYTES &&
      end - last.offset <= RANGE_BYTES
    if (fits) last.end = Math.max(last.end, end)
    else this.#ranges.push({ pack, offset: frame.offset, end })
    return this.#ranges.length - 1
  }

  /** A frame that was not announced (present bytes turned out not to be what they were said to be) is fetched all the same. */
  async #frameOf({ pack, frame }: StoredChunk): Promise<Buffer> {
    const key = frameKey(pack, frame)
    if (this.#frame?.key === key) return this.#frame.plain
    const index = this.#rangeOf.get(key) ?? this.#rangeFor(pack, frame)
    this.#rangeOf.set(key, index)
    const range = this.#ranges[index] as Range
    const next = this.#ranges[index + 1]
    for (const other of this.#loaded) if (other !== range && other !== next) this.#drop(other)
    const body = await this.#fetch(range)
    if (next !== undefined) this.#fetch(next).catch(() => undefined) // its own reader will see the error
    const start = frame.offset - range.offset
    const stored = body.subarray(start, start + frame.storedBytes)
    const plain = decodeFrame(packKey(this.#stream, pack), stored, frame)
    this.#frame = { key, plain }
    return plain
  }

  #fetch(range: Range): Promise<Buffer> {
    this.#loaded.add(range)
    range.body ??= this.#get(range)
    return range.body
  }

  #drop(range: Range): void {
    this.#loaded.delete(range)
    delete range.body
  }

  async #get({ pack, offset, end }: Range): Promise<Buffer> {
    const key = packKey(this.#stream, pack)
    const range = { offset, lengthBytes: end - offset }
    const object = await untilReachable(() => this.#store.get(key, range), this.#patience)
    if (object === undefined) throw new CorruptObjectError(key, 'it is not there any more')
    this.fetchedBytes += object.body.length
    return object.body
  }
}

function frameKey(pack: string, frame: FrameRef): string {
  return `${pack}@${frame.offset}`
}

/**
 * Brings chunks from the repository, in the order in which a plan will ask for them: neighbouring frames in one
 * ranged GET, and the next frames fetched and decompressed by other threads while the last one is written. Every chunk
 * is verified against its hash.
 * Memory: `MAX_RANGES` ranges of `RANGE_BYTES`, and `MAX_FRAMES` decoded frames.
 */
import type { Vault } from '../../shared/encryption/vault.ts'
import { isNamed } from '../../shared/encryption/vault.ts'
import { CorruptObjectError } from '../../shared/errors.ts'
import type { PackedFrame, StoredChunk } from '../../shared/repository/entry.ts'
import { openFrameAside } from '../../shared/repository/frame.ts'
import { packKey } from '../../shared/repository/object-keys.ts'
import type { ObjectReader } from './object-reader.ts'
import { Recent } from './recent.ts'

const RANGE_BYTES = 4 * 1024 * 1024
/** Bytes that nobody asked for are read along when they are fewer than this: cheaper than another request. */
const GAP_BYTES = 64 * 1024
/** Ranges that are kept, or on their way. */
const MAX_RANGES = 4
/** Frames that are kept, or being decoded. */
const MAX_FRAMES = 6
/** Frames that are asked for before they are needed. */
const AHEAD = 3

interface Range {
  readonly pack: string
  readonly offset: number
  end: number
}

interface Place {
  readonly frame: PackedFrame
  readonly range: Range
}

export class ChunkSource {
  readonly reader: ObjectReader
  /** Opens the version whose chunks these are, and names them. */
  readonly vault: Vault
  /** Frames in the order in which they will be asked for, each once. */
  readonly #order: Place[] = []
  readonly #numbers = new Map<string, number>()
  readonly #bodies = new Recent<Range, Promise<Buffer | undefined>>(MAX_RANGES)
  readonly #frames = new Recent<number, Promise<Buffer>>(MAX_FRAMES)
  /** The last frame that was read from. */
  #current: { number: number; plain: Buffer } | undefined

  constructor(reader: ObjectReader, vault: Vault) {
    this.reader = reader
    this.vault = vault
  }

  /** The chunks in the order in which `read` will be asked for them. */
  announce(wanted: Iterable<StoredChunk>): void {
    for (const { frame } of wanted) this.#numberOf(frame)
  }

  /**
   * The chunk's plain bytes, verified; not to be kept. At once where they are at hand.
   * Throws, or rejects with, `CorruptObjectError` when its object is damaged or gone.
   */
  read(chunk: StoredChunk): Buffer | Promise<Buffer> {
    const number = this.#numberOf(chunk.frame)
    if (this.#current?.number === number) return this.#verified(chunk, this.#current.plain)
    return this.#load(number).then((plain) => {
      this.#current = { number, plain }
      return this.#verified(chunk, plain)
    })
  }

  #verified(chunk: StoredChunk, plain: Buffer): Buffer {
    const bytes = plain.subarray(chunk.start, chunk.start + chunk.lengthBytes)
    if (isNamed(this.vault, bytes, chunk.id)) return bytes
    throw new CorruptObjectError(
      packKey(this.reader.stream, chunk.frame.pack),
      `chunk ${chunk.id} does not match its hash`,
    )
  }

  /** A frame that was not announced (present bytes turned out not to be what they were said to be) comes behind all others. */
  #numberOf(frame: PackedFrame): number {
    const key = `${frame.pack}@${frame.offset}`
    const known = this.#numbers.get(key)
    if (known !== undefined) return known
    this.#order.push({ frame, range: this.#rangeFor(frame) })
    this.#numbers.set(key, this.#order.length - 1)
    return this.#order.length - 1
  }

  /** The range that will bring a frame: the last one, made longer if need be, or a new one. */
  #rangeFor({ pack, offset, storedBytes }: PackedFrame): Range {
    const end = offset + storedBytes
    const last = this.#order.at(-1)?.range
    const fits =
      last?.pack === pack &&
      !this.#bodies.has(last) &&
      offset >= last.offset &&
      offset <= last.end + GAP_BYTES &&
      end - last.offset <= RANGE_BYTES
    if (!fits) return { pack, offset, end }
    last.end = Math.max(last.end, end)
    return last
  }

  #load(number: number): Promise<Buffer> {
    const plain = this.#decoded(number)
    for (let next = number + 1; next <= number + AHEAD && next < this.#order.length; next += 1)
      this.#decoded(next).catch(() => undefined) // its own reader will see the error
    return plain
  }

  #decoded(number: number): Promise<Buffer> {
    return this.#frames.get(number, () => this.#decode(this.#order[number] as Place))
  }

  async #decode({ frame, range }: Place): Promise<Buffer> {
    const body = await this.#bodies.get(range, () =>
      this.reader.range(range.pack, range.offset, range.end),
    )
    const start = frame.offset - range.offset
    const stored =
      body?.subarray(start, start + frame.storedBytes) ?? (await this.reader.moved(frame))
    return openFrameAside(this.vault, packKey(this.reader.stream, range.pack), stored, frame)
  }
}

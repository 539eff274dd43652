/**
 * The bytes: each frame is fetched and decoded once, neighbours in one ranged GET, and every chunk in it rehashed.
 * Memory: two ranges on their way and one in work (8 MiB each, or one larger frame), and one decoded frame.
 */
import { createHash } from 'node:crypto'
import { CorruptObjectError } from '../shared/errors.ts'
import { MAX_FRAME_BYTES, decodeFrame } from '../shared/repository/frame.ts'
import { packKey } from '../shared/repository/object-keys.ts'
import { inOrder } from './in-order.ts'
import type { StreamInRepository } from './repository.ts'
import type { ChunkTable } from './verify-table.ts'

const RANGE_BYTES = 8 * 1024 * 1024
/** Bytes that nobody asked for are read along when they are fewer than this: cheaper than another request. */
const GAP_BYTES = 64 * 1024
const AT_ONCE = 2

/** What was found in the bytes, by the table's numbers of chunks, frames and packs. */
export class Findings {
  /** Why a chunk cannot be had. */
  readonly bad = new Map<number, string>()
  /** Frames that do not decode. */
  readonly badFrames = new Set<number>()
  /** Objects that are not there. */
  readonly gone = new Set<number>()
  readonly checked = new Set<number>()
  readBytes = 0
}

/** A run of frames in one object, `order[first]` to `order[last]`. */
interface Range {
  readonly pack: number
  readonly offset: number
  end: number
  readonly first: number
  last: number
}

export class FrameCheck {
  readonly findings = new Findings()
  readonly #table: ChunkTable
  readonly #from: StreamInRepository

  constructor(table: ChunkTable, from: StreamInRepository) {
    this.#table = table
    this.#from = from
  }

  /** Chunks with these numbers that lie in `v<n>`, whose whole object is at hand. */
  checkAtHand(n: number, object: Buffer, first: number, end: number): void {
    const inFrames = new Map<number, number[]>()
    for (let chunk = first; chunk < end; chunk += 1) {
      const frame = this.#table.frameOf(chunk)
      if (this.#table.packs[this.#table.packOf(frame)] !== `v${n}`) continue
      const others = inFrames.get(frame)
      if (others === undefined) inFrames.set(frame, [chunk])
      else others.push(chunk)
    }
    for (const [frame, chunks] of inFrames) {
      const { offset, storedBytes } = this.#table.frame(frame)
      this.#checkFrame(frame, chunks, object.subarray(offset, offset + storedBytes))
    }
  }

  /** Everything in an object that is not there. */
  markGone(pack: number, frames: Uint32Array, chunksOf: (frame: number) => Uint32Array): void {
    this.findings.gone.add(pack)
    for (const frame of frames)
      if (this.#table.packOf(frame) === pack)
        this.#fail(
          frame,
          chunksOf(frame),
          `object ${this.#keyOf(pack)} is corrupt: it is not there`,
        )
  }

  /** @param frames in the order in which they lie. */
  async fetchAndCheck(
    frames: Uint32Array,
    chunksOf: (frame: number) => Uint32Array,
    onProgress: (framesDone: number) => void,
  ): Promise<void> {
    const fetched = inOrder(
      this.#ranges(frames),
      async (range) => ({ range, body: await this.#fetch(range) }),
      AT_ONCE,
    )
    for await (const { range, body } of fetched) {
      if (body === undefined) this.findings.gone.add(range.pack)
      for (const frame of frames.subarray(range.first, range.last + 1)) {
        const { offset, storedBytes } = this.#table.frame(frame)
        const start = offset - range.offset
        this.#checkFrame(frame, chunksOf(frame), body?.subarray(start, start + storedBytes))
      }
      onProgress(range.last + 1)
    }
  }

  #ranges(frames: Uint32Array): Range[] {
    const ranges: Range[] = []
    for (const [i, frame] of frames.entries()) {
      const { offset, storedBytes } = this.#table.frame(frame)
      const pack = this.#table.packOf(frame)
      const end = offset + storedBytes
      const last = ranges.at(-1)
      const fits =
        last?.pack === pack && offset <= last.end + GAP_BYTES && end - last.offset <= RANGE_BYTES
      if (fits) {
        last.end = Math.max(last.end, end)
        last.last = i
      } else ranges.push({ pack, offset, end, first: i, last: i })
    }
    return ranges
  }

  async #fetch({ pack, offset, end }: Range): Promise<Buffer | undefined> {
    // What a hostile manifest claims is not asked for: the frame will be found to end too early.
    const lengthBytes = Math.min(end - offset, MAX_FRAME_BYTES)
    const object = await this.#from.store.get(this.#keyOf(pack), { offset, lengthBytes })
    this.findings.readBytes += object?.body.length ?? 0
    return object?.body
  }

  #checkFrame(frame: number, chunks: Iterable<number>, stored: Buffer | undefined): void {
    const key = this.#keyOf(this.#table.packOf(frame))
    let plain: Buffer
    try {
      if (stored === undefined) throw new CorruptObjectError(key, 'it is not there')
      plain = decodeFrame(key, stored, this.#table.frame(frame))
    } catch (error) {
      if (!(error instanceof CorruptObjectError)) throw error
      this.#fail(frame, chunks, error.message)
      return
    }
    for (const chunk of chunks) {
      this.findings.checked.add(chunk)
      const { id, start, end } = this.#table.chunk(chunk)
      if (createHash('sha256').update(plain.subarray(start, end)).digest('hex') !== id)
        this.findings.bad.set(
          chunk,
          `object ${key} is corrupt: chunk ${id} does not match its hash`,
        )
    }
  }

  #fail(frame: number, chunks: Iterable<number>, why: string): void {
    this.findings.badFrames.add(frame)
    for (const chunk of chunks) {
      this.findings.checked.add(chunk)
      this.findings.bad.set(chunk, why)
    }
  }

  #keyOf(pack: number): string {
    return packKey(this.#from.log.stream, this.#table.packs[pack] ?? '')
  }
}

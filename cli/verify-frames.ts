/**
 * The bytes: each frame is fetched and decoded once, neighbours in one ranged GET, and every chunk in it rehashed.
 * Memory: two ranges on their way and one in work (8 MiB each, or one larger frame), and one decoded frame.
 */
import { isNamed } from '../shared/encryption/vault.ts'
import { CorruptObjectError } from '../shared/errors.ts'
import { MAX_FRAME_BYTES, openFrame } from '../shared/repository/frame.ts'
import type { Moved } from '../shared/repository/moved-pack.ts'
import { locateMoved } from '../shared/repository/moved-pack.ts'
import { packKey } from '../shared/repository/object-keys.ts'
import { inOrder } from './in-order.ts'
import type { StreamInRepository } from './repository.ts'
import type { ChunkTable } from './verify-table.ts'

const RANGE_BYTES = 8 * 1024 * 1024
/** Bytes that nobody asked for are read along when they are fewer than this: cheaper than another request. */
const GAP_BYTES = 64 * 1024
const AT_ONCE = 2
/** A pack may be compacted once more between being located and being read; not so often. */
export const LOCATE_TIMES = 3

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

/** Where a frame lies now: where chunks say, or where compaction has moved it. */
interface FramePlace {
  /** A pack's name, or `v<n>`. */
  readonly object: string
  readonly offset: number
}

/** A run of frames in one object, `order[first]` to `order[last]`. */
interface Range extends FramePlace {
  end: number
  readonly first: number
  last: number
}

export class FrameCheck {
  readonly findings = new Findings()
  readonly #table: ChunkTable
  readonly #from: StreamInRepository
  /** Of compacted packs. */
  readonly #moves = new Map<number, Moved>()

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
      this.#check(frame, chunks, () => object.subarray(offset, offset + storedBytes))
    }
  }

  /** A pack that is not there, because its frames have been moved. */
  moved(pack: number, moved: Moved): void {
    this.#moves.set(pack, moved)
  }

  /** Everything in an object that is not there. */
  markGone(pack: number, frames: Uint32Array, chunksOf: (frame: number) => Uint32Array): void {
    for (const frame of frames)
      if (this.#table.packOf(frame) === pack)
        this.#check(frame, chunksOf(frame), () => {
          throw this.#absent(frame)
        })
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
      for (const frame of frames.subarray(range.first, range.last + 1))
        if (body === undefined) await this.#checkAlone(frame, chunksOf(frame))
        else
          this.#check(frame, chunksOf(frame), () => {
            const start = (this.#placeOf(frame)?.offset ?? 0) - range.offset
            return body.subarray(start, start + this.#table.frame(frame).storedBytes)
          })
      onProgress(range.last + 1)
    }
  }

  #ranges(frames: Uint32Array): Range[] {
    const ranges: Range[] = []
    for (const [i, frame] of frames.entries()) {
      // A frame that was not moved with the others of its pack is looked for by itself.
      const { object, offset } = this.#placeOf(frame) ?? { object: '', offset: 0 }
      const end = offset + this.#table.frame(frame).storedBytes
      const last = ranges.at(-1)
      const fits =
        last?.object === object &&
        offset >= last.offset &&
        offset <= last.end + GAP_BYTES &&
        end - last.offset <= RANGE_BYTES
      if (fits) {
        last.end = Math.max(last.end, end)
        last.last = i
      } else ranges.push({ object, offset, end, first: i, last: i })
    }
    return ranges
  }

  /** Undefined for a frame that its pack's compaction has left out. */
  #placeOf(frame: number): FramePlace | undefined {
    const { offset } = this.#table.frame(frame)
    const moved = this.#moves.get(this.#table.packOf(frame))
    if (moved === undefined) return { object: this.#nameOf(frame), offset }
    const to = moved.offsets.get(offset)
    return to === undefined ? undefined : { object: moved.to, offset: to }
  }

  #nameOf(frame: number): string {
    return this.#table.packs[this.#table.packOf(frame)] ?? ''
  }

  async #fetch({ object, offset, end }: FramePlace & { end: number }): Promise<Buffer | undefined> {
    if (object === '') return undefined
    // What a hostile manifest claims is not asked for: the frame will be found to end too early.
    const lengthBytes = Math.min(end - offset, MAX_FRAME_BYTES)
    const key = packKey(this.#from.log.stream, object)
    const found = await this.#from.store.get(key, { offset, lengthBytes })
    this.findings.readBytes += found?.body.length ?? 0
    return found?.body
  }

  /** The object has gone meanwhile: its frames may have been moved since. */
  async #checkAlone(frame: number, chunks: Iterable<number>): Promise<void> {
    let stored: Buffer | undefined
    let problem: CorruptObjectError | undefined
    try {
      stored = await this.#fetchMoved(frame)
    } catch (error) {
      if (!(error instanceof CorruptObjectError)) throw error
      problem = error
    }
    this.#check(frame, chunks, () => {
      if (stored === undefined) throw problem ?? this.#absent(frame)
      return stored
    })
  }

  async #fetchMoved(frame: number): Promise<Buffer | undefined> {
    const { store, log } = this.#from
    for (let times = 0; times < LOCATE_TIMES; times += 1) {
      const moved = await locateMoved(store, log.stream, this.#nameOf(frame))
      if (moved === undefined) return undefined
      // Not noted in `#moves`: ranges that are on their way were made without it.
      const { offset, storedBytes } = this.#table.frame(frame)
      const to = moved.offsets.get(offset)
      if (to === undefined) return undefined
      const stored = await this.#fetch({ object: moved.to, offset: to, end: to + storedBytes })
      if (stored !== undefined) return stored
    }
    return undefined
  }

  #absent(frame: number): CorruptObjectError {
    const pack = this.#table.packOf(frame)
    const isMoved = this.#moves.has(pack)
    if (!isMoved) this.findings.gone.add(pack)
    return new CorruptObjectError(
      packKey(this.#from.log.stream, this.#nameOf(frame)),
      isMoved ? 'it was compacted, without a part that is needed' : 'it is not there',
    )
  }

  /** @param read the frame's stored bytes, or the `CorruptObjectError` that says why there are none. */
  #check(frame: number, chunks: Iterable<number>, read: () => Buffer): void {
    const key = packKey(this.#from.log.stream, this.#placeOf(frame)?.object ?? this.#nameOf(frame))
    const vault = this.#table.vaultOf(frame)
    let plain: Buffer
    try {
      plain = openFrame(vault, key, read(), this.#table.frame(frame))
    } catch (error) {
      if (!(error instanceof CorruptObjectError)) throw error
      this.findings.badFrames.add(frame)
      this.#mark(chunks, () => error.message)
      return
    }
    this.#mark(chunks, (chunk) => {
      const { id, start, end } = this.#table.chunk(chunk)
      return isNamed(vault, plain.subarray(start, end), id)
        ? undefined
        : `object ${key} is corrupt: chunk ${id} does not match its hash`
    })
  }

  #mark(chunks: Iterable<number>, whyBad: (chunk: number) => string | undefined): void {
    for (const chunk of chunks) {
      this.findings.checked.add(chunk)
      const why = whyBad(chunk)
      if (why !== undefined) this.findings.bad.set(chunk, why)
    }
  }
}

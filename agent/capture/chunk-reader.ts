/** Reads an open file in windows, and cuts it into chunks and holes. */
import { readSync } from 'node:fs'
import type { ChunkRef } from '../../shared/repository/entry.ts'
import { MAX_CHUNK_BYTES, cutLength } from './chunker.ts'
import type { ChunkKeeper } from './stable-read.ts'

/** Runs of zeros are looked for in blocks of this size, in files with fewer blocks than bytes. */
const HOLE_BYTES = 64 * 1024
const ZEROS = Buffer.alloc(HOLE_BYTES)
/**
 * All reading goes through this one window, and whoever keeps a chunk copies it. What one reader has not cut yet stays
 * there for it, unless another has used the window meanwhile.
 */
const WINDOW = Buffer.from(new ArrayBuffer(2 * MAX_CHUNK_BYTES))
const left: { by: ChunkReader | undefined; from: number; to: number } = {
  by: undefined,
  from: 0,
  to: 0,
}

export class ChunkReader {
  readonly chunks: ChunkRef[] = []
  /** Bytes that were cut so far. */
  sizeBytes = 0
  readonly #fd: number
  readonly #limit: number
  readonly #sparse: boolean
  readonly #keeper: ChunkKeeper

  /**
   * @param limit so many bytes are read, fewer where the file ends before.
   * @param sparse it may have holes.
   */
  constructor(fd: number, limit: number, sparse: boolean, keeper: ChunkKeeper) {
    this.#fd = fd
    this.#limit = limit
    this.#sparse = sparse
    this.#keeper = keeper
  }

  /** Reads the next window, and cuts what is certain of it. False when that was the last. */
  next(): boolean {
    const wanted = Math.min(this.#limit - this.sizeBytes, WINDOW.length)
    const filled = this.#fill(wanted)
    const atEnd = filled < wanted || this.sizeBytes + filled === this.#limit
    left.from = this.#cut(WINDOW.subarray(0, filled), atEnd)
    left.to = filled
    return !atEnd
  }

  #fill(wanted: number): number {
    let filled = left.by === this ? left.to - left.from : 0
    if (filled > 0) WINDOW.copyWithin(0, left.from, left.to)
    left.by = this
    while (filled < wanted) {
      const n = readSync(this.#fd, WINDOW, filled, wanted - filled, this.sizeBytes + filled)
      if (n === 0) break
      filled += n
    }
    return filled
  }

  /** Cuts all of `bytes` at the end of the file, else as long as a cut is certain. Returns how many bytes it has cut. */
  #cut(bytes: Buffer, atEnd: boolean): number {
    let rest = bytes
    const enough = atEnd ? 1 : MAX_CHUNK_BYTES
    while (rest.length >= enough) {
      const holeBytes = this.#sparse ? leadingHole(rest) : 0
      const length = holeBytes > 0 ? holeBytes : cutLength(this.#sparse ? upToHole(rest) : rest)
      if (holeBytes > 0) this.#addHole(holeBytes)
      else this.chunks.push(this.#keeper.keep(rest.subarray(0, length)))
      rest = rest.subarray(length)
      this.sizeBytes += length
    }
    return bytes.length - rest.length
  }

  #addHole(bytes: number): void {
    const last = this.chunks.at(-1)
    if (last !== undefined && 'hole' in last)
      this.chunks[this.chunks.length - 1] = { hole: last.hole + bytes }
    else this.chunks.push({ hole: bytes })
  }
}

function leadingHole(bytes: Buffer): number {
  let end = 0
  while (end + HOLE_BYTES <= bytes.length && bytes.subarray(end, end + HOLE_BYTES).equals(ZEROS))
    end += HOLE_BYTES
  return end
}

function upToHole(bytes: Buffer): Buffer {
  for (let at = HOLE_BYTES; at + HOLE_BYTES <= bytes.length; at += HOLE_BYTES)
    if (bytes.subarray(at, at + HOLE_BYTES).equals(ZEROS)) return bytes.subarray(0, at)
  return bytes
}

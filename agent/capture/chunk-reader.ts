/** Reads an open file in windows, and cuts it into chunks and holes. */
import { readSync } from 'node:fs'
import type { ChunkRef, StoredChunk } from '../../shared/repository/entry.ts'
import { isHole } from '../../shared/repository/entry.ts'
import { MAX_CHUNK_BYTES, MIN_CHUNK_BYTES, cutLength } from './chunker.ts'
import type { ChunkKeeper } from './stable-read.ts'

/** Runs of zeros are looked for in blocks of this size, in files with fewer blocks than bytes. */
const HOLE_BYTES = 64 * 1024
const ZEROS = Buffer.alloc(HOLE_BYTES)
/**
 * All reading goes through one window, and whoever keeps a chunk copies it. What one reader has not cut yet stays
 * there for it, unless another has used the window meanwhile. At rest nobody holds it, and it goes with the garbage.
 */
let shared: WeakRef<Buffer> | undefined
const left: { by: ChunkReader | undefined; from: number; to: number } = {
  by: undefined,
  from: 0,
  to: 0,
}

export class ChunkReader {
  readonly chunks: ChunkRef[] = []
  /** Bytes that were cut so far. */
  sizeBytes = 0
  /** As long as there is a reader, all have the same. */
  readonly #window = sharedWindow()
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
    const wanted = Math.min(this.#limit - this.sizeBytes, this.#window.length)
    const filled = this.#fill(wanted)
    const atEnd = filled < wanted || this.sizeBytes + filled === this.#limit
    left.from = this.#cut(this.#window.subarray(0, filled), atEnd)
    left.to = filled
    if (atEnd) left.by = undefined
    return !atEnd
  }

  #fill(wanted: number): number {
    const known = left.by === this ? left.to - left.from : 0
    if (known > 0) this.#window.copyWithin(0, left.from, left.to)
    left.by = this
    return fillWindow(this.#window, this.#fd, { known, wanted, at: this.sizeBytes })
  }

  /** Cuts all of `bytes` at the end of the file, else as long as a cut is certain. Returns how many bytes it has cut. */
  #cut(bytes: Buffer, atEnd: boolean): number {
    if (atEnd && bytes.length <= MIN_CHUNK_BYTES && !this.#sparse) return this.#cutWhole(bytes)
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

  /** What is too short to be cut: each view of its bytes less counts where files are many. */
  #cutWhole(bytes: Buffer): number {
    if (bytes.length > 0) this.chunks.push(this.#keeper.keep(bytes))
    this.sizeBytes += bytes.length
    return bytes.length
  }

  #addHole(bytes: number): void {
    const last = this.chunks.at(-1)
    if (last !== undefined && 'hole' in last)
      this.chunks[this.chunks.length - 1] = { hole: last.hole + bytes }
    else this.chunks.push({ hole: bytes })
  }
}

/**
 * Reads once more what was cut into these chunks, one at a time: is each byte what it was then? Cutting costs more than
 * reading, so the cuts are taken over.
 */
export function* recheck(
  fd: number,
  chunks: readonly ChunkRef[],
  keeper: ChunkKeeper,
): Generator<void, boolean> {
  let at = 0
  for (const chunk of chunks) {
    const length = isHole(chunk) ? chunk.hole : chunk.lengthBytes
    const isAlike = isHole(chunk)
      ? isHoleAt(fd, at, length)
      : sameChunk(chunk, readAt(fd, at, length), keeper)
    if (!isAlike) return false
    at += length
    yield
  }
  return true
}

function sameChunk(chunk: StoredChunk, bytes: Buffer, keeper: ChunkKeeper): boolean {
  if (bytes.length !== chunk.lengthBytes) return false
  const now = keeper.keep(bytes)
  return !isHole(now) && now.id === chunk.id
}

function isHoleAt(fd: number, from: number, length: number): boolean {
  for (let at = from; at < from + length; at += HOLE_BYTES)
    if (!readAt(fd, at, Math.min(HOLE_BYTES, from + length - at)).equals(ZEROS)) return false
  return true
}

/** Good until the next read; fewer bytes where the file ends before. */
function readAt(fd: number, at: number, length: number): Buffer {
  left.by = undefined
  const window = sharedWindow()
  return window.subarray(0, fillWindow(window, fd, { known: 0, wanted: length, at }))
}

/** Reads into the window behind the `known` bytes in it, as far as the file goes. Returns how many bytes are in it then. */
function fillWindow(
  window: Buffer,
  fd: number,
  { known, wanted, at }: { known: number; wanted: number; at: number },
): number {
  let filled = known
  while (filled < wanted) {
    const n = readSync(fd, window, filled, wanted - filled, at + filled)
    if (n === 0) break
    filled += n
  }
  return filled
}

function sharedWindow(): Buffer {
  const there = shared?.deref()
  if (there !== undefined) return there
  const made = Buffer.from(new ArrayBuffer(2 * MAX_CHUNK_BYTES))
  shared = new WeakRef(made)
  return made
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

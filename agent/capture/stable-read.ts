/**
 * Reads one file so that what is kept is what the file was at one moment: open without following links, fstat, read,
 * fstat again and lstat of the path; size, mtime and ctime must be the same. A file that only grows (a log) is kept as
 * far as it reached when it was opened. One that changes each time is kept as last read, and said to be unstable.
 */
import { createHash } from 'node:crypto'
import type { BigIntStats } from 'node:fs'
import { closeSync, constants, fstatSync, lstatSync, openSync, readSync } from 'node:fs'
import type { Clock } from '../../shared/clock.ts'
import type { ChunkRef } from '../../shared/repository/entry.ts'
import { fsPath } from '../volume/raw-path.ts'
import { MAX_CHUNK_BYTES, cutLength } from './chunker.ts'

/** Takes the bytes of one chunk (which it keeps) and says where they will lie. */
export type KeepChunk = (bytes: Buffer) => Promise<ChunkRef>

export interface StableRead {
  readonly stat: BigIntStats
  readonly chunks: ChunkRef[]
  /** Bytes that were kept. */
  readonly sizeBytes: number
  readonly stable: boolean
}

/** Waits before the second and later attempts. */
const RETRY_WAITS_MS = [20, 100, 400]
/** Runs of zeros are looked for in blocks of this size, in files with fewer blocks than bytes. */
const HOLE_BYTES = 64 * 1024
const ZEROS = Buffer.alloc(HOLE_BYTES)

/**
 * Reads and chunks a file. Undefined when it is not there, or no regular file, any more.
 * Other errors of the file system are thrown as they are.
 */
export async function readStable(
  location: string,
  keep: KeepChunk,
  clock: Clock,
): Promise<StableRead | undefined> {
  let previous: Attempt | undefined
  for (let attempt = 0; ; attempt += 1) {
    const read = await readOnce(location, keep, previous)
    if (read === undefined) return undefined
    const { stat, chunks, sizeBytes } = read
    if (read.unchanged) return { stat, chunks, sizeBytes, stable: true }
    if (previous !== undefined && read.continuesPrevious)
      return {
        stat: previous.stat,
        chunks: previous.chunks,
        sizeBytes: previous.sizeBytes,
        stable: true,
      }
    const waitMs = RETRY_WAITS_MS[attempt]
    if (waitMs === undefined) return { stat, chunks, sizeBytes, stable: false }
    previous = read
    await clock.sleep(waitMs)
  }
}

interface Attempt {
  readonly stat: BigIntStats
  readonly chunks: ChunkRef[]
  readonly sizeBytes: number
  readonly digest: string
  readonly unchanged: boolean
  /** The first bytes are those that the previous attempt read to its end: the file has only grown. */
  readonly continuesPrevious: boolean
}

async function readOnce(
  location: string,
  keep: KeepChunk,
  previous: Attempt | undefined,
): Promise<Attempt | undefined> {
  const fd = openFile(location)
  if (fd === undefined) return undefined
  try {
    const stat = fstatSync(fd, { bigint: true })
    if (!stat.isFile()) return undefined
    const reader = new ChunkReader(fd, Number(stat.size), isSparse(stat), keep, previous?.sizeBytes)
    await reader.readAll()
    return {
      stat,
      chunks: reader.chunks,
      sizeBytes: reader.sizeBytes,
      digest: reader.digest,
      unchanged:
        isUnchanged(stat, fstatSync(fd, { bigint: true }), location) &&
        reader.sizeBytes === Number(stat.size),
      continuesPrevious: previous !== undefined && reader.prefixDigest === previous.digest,
    }
  } finally {
    closeSync(fd)
  }
}

function openFile(location: string): number | undefined {
  try {
    // O_NONBLOCK: a FIFO that took the file's place must not hold us.
    return openSync(
      fsPath(location),
      constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK,
    )
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ELOOP' || code === 'ENOTDIR' || code === 'ENXIO')
      return undefined
    throw error
  }
}

function isSparse(stat: BigIntStats): boolean {
  return stat.blocks * 512n < stat.size
}

/** The path still names this inode, and nothing was written to it. */
function isUnchanged(before: BigIntStats, after: BigIntStats, location: string): boolean {
  const named = lstatSync(fsPath(location), { bigint: true, throwIfNoEntry: false })
  return [after, named].every(
    (stat) =>
      stat !== undefined &&
      stat.ino === before.ino &&
      stat.dev === before.dev &&
      stat.size === before.size &&
      stat.mtimeNs === before.mtimeNs &&
      stat.ctimeNs === before.ctimeNs,
  )
}

/** Reads the first `limit` bytes of an open file in windows, and cuts them into chunks and holes. */
class ChunkReader {
  readonly chunks: ChunkRef[] = []
  sizeBytes = 0
  digest = ''
  prefixDigest: string | undefined
  readonly #fd: number
  readonly #limit: number
  readonly #sparse: boolean
  readonly #keep: KeepChunk
  readonly #prefixBytes: number | undefined
  readonly #hash = createHash('sha256')

  constructor(fd: number, limit: number, sparse: boolean, keep: KeepChunk, prefixBytes?: number) {
    this.#fd = fd
    this.#limit = limit
    this.#sparse = sparse
    this.#keep = keep
    this.#prefixBytes = prefixBytes
  }

  async readAll(): Promise<void> {
    let rest: Buffer = Buffer.alloc(0)
    for (let atEnd = false; !atEnd;) {
      const window = this.#read(Math.min(this.#limit - this.sizeBytes, 2 * MAX_CHUNK_BYTES))
      atEnd = window.length === 0 || this.sizeBytes === this.#limit
      rest = await this.#cut(rest.length === 0 ? window : Buffer.concat([rest, window]), atEnd)
    }
    this.digest = this.#hash.digest('hex')
  }

  #read(length: number): Buffer {
    const buffer = Buffer.allocUnsafeSlow(length)
    let filled = 0
    while (filled < length) {
      const n = readSync(this.#fd, buffer, filled, length - filled, this.sizeBytes + filled)
      if (n === 0) break
      filled += n
    }
    const bytes = buffer.subarray(0, filled)
    this.#digestOf(bytes)
    this.sizeBytes += filled
    return bytes
  }

  #digestOf(bytes: Buffer): void {
    const toPrefix = (this.#prefixBytes ?? -1) - this.sizeBytes
    if (toPrefix < 0 || toPrefix > bytes.length || this.prefixDigest !== undefined) {
      this.#hash.update(bytes)
      return
    }
    this.#hash.update(bytes.subarray(0, toPrefix))
    this.prefixDigest = this.#hash.copy().digest('hex')
    this.#hash.update(bytes.subarray(toPrefix))
  }

  /** Cuts all of `bytes` at the end of the file, else as long as a cut is certain; gives back the rest. */
  async #cut(bytes: Buffer, atEnd: boolean): Promise<Buffer> {
    let rest = bytes
    const enough = atEnd ? 1 : MAX_CHUNK_BYTES
    while (rest.length >= enough) {
      const holeBytes = this.#sparse ? leadingHole(rest) : 0
      if (holeBytes > 0) {
        this.#addHole(holeBytes)
        rest = rest.subarray(holeBytes)
        continue
      }
      const length = cutLength(this.#sparse ? upToHole(rest) : rest)
      this.chunks.push(await this.#keep(rest.subarray(0, length)))
      rest = rest.subarray(length)
    }
    return rest
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

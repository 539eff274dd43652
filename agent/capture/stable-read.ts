/**
 * Reads one file so that what is kept is what the file was at one moment: open without following links, fstat, read,
 * fstat again and lstat of the path; size, mtime and ctime must be the same. A file that changed so lately that the same
 * times prove nothing is read twice: alike both times, it is what it was between the two. A file that only grows (a log)
 * is kept as far as it reached when it was opened. One that changes each time is kept as last read, and said to be
 * unstable.
 */
import type { BigIntStats } from 'node:fs'
import { closeSync, constants, fstatSync, lstatSync, openSync } from 'node:fs'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Clock } from '../../shared/clock.ts'
import type { ChunkRef } from '../../shared/repository/entry.ts'
import { isHole } from '../../shared/repository/entry.ts'
import { fsPath } from '../volume/raw-path.ts'
import { ChunkReader, recheck } from './chunk-reader.ts'
import { inWritingSinceNs } from './doubt.ts'

/** Where the bytes of chunks go. */
export interface ChunkKeeper {
  /** Takes a copy of one chunk's bytes and says where they will lie. */
  keep(bytes: Buffer): ChunkRef
  /** To be awaited before more is kept, where there is something to wait for. */
  room(): Promise<void> | undefined
}

export interface StableRead {
  readonly stat: BigIntStats
  readonly chunks: readonly ChunkRef[]
  /** Bytes that were kept. */
  readonly sizeBytes: number
  readonly stable: boolean
}

/** Others get a turn of the event loop after so many chunks were read for the second time. */
const TURN_CHUNKS = 8
/** Waits before the second and later attempts. */
const RETRY_WAITS_MS = [20, 100, 400]

interface Attempt extends StableRead {
  readonly fd: number
}

/**
 * Reads and chunks a file. Undefined when it is not there, or no regular file, any more.
 * Other errors of the file system are thrown as they are.
 */
export async function readStable(
  location: string,
  keeper: ChunkKeeper,
  clock: Clock,
): Promise<StableRead | undefined> {
  let previous: StableRead | undefined
  for (let attempt = 0; ; attempt += 1) {
    const room = keeper.room()
    if (room !== undefined) await room
    const read = await readOnce(location, keeper, clock, previous)
    if (read === undefined || read.stable) return read
    const waitMs = RETRY_WAITS_MS[attempt]
    if (waitMs === undefined) return read
    previous = read
    await clock.sleep(waitMs)
  }
}

/**
 * As `readStable`, of a file so small that nothing has to be waited for; 'again' where it has to be read once more.
 * Synchronous calls: of many small files, promises would cost more than the reading.
 */
export function readSmall(
  location: string,
  keeper: ChunkKeeper,
  clock: Clock,
): StableRead | 'again' | undefined {
  const fd = openFile(location)
  if (fd === undefined) return undefined
  try {
    const stat = fstatSync(fd, { bigint: true })
    if (!stat.isFile()) return undefined
    const isYoung = mayBeInWriting(stat, clock)
    const reader = new ChunkReader(fd, Number(stat.size), isSparse(stat), keeper)
    while (reader.next());
    if (!isUnchanged(fd, stat, location, reader)) return 'again'
    if (isYoung && !isAlikeAtOnce(fd, reader.chunks, keeper)) return 'again'
    return resultOf(stat, reader, true)
  } finally {
    closeSync(fd)
  }
}

async function readOnce(
  location: string,
  keeper: ChunkKeeper,
  clock: Clock,
  previous: StableRead | undefined,
): Promise<StableRead | undefined> {
  const fd = openFile(location)
  if (fd === undefined) return undefined
  try {
    const stat = fstatSync(fd, { bigint: true })
    if (!stat.isFile()) return undefined
    const isYoung = mayBeInWriting(stat, clock)
    const reader = new ChunkReader(fd, Number(stat.size), isSparse(stat), keeper)
    while (reader.next()) {
      const room = keeper.room()
      if (room !== undefined) await room
    }
    const read: Attempt = { ...resultOf(stat, reader, isUnchanged(fd, stat, location, reader)), fd }
    if (!read.stable && previous !== undefined && continues(read, previous, keeper))
      return { ...previous, stable: true }
    const stable = read.stable && (!isYoung || (await isAlike(fd, reader.chunks, keeper)))
    return resultOf(stat, reader, stable)
  } finally {
    closeSync(fd)
  }
}

function resultOf(stat: BigIntStats, reader: ChunkReader, stable: boolean): StableRead {
  return { stat, chunks: reader.chunks, sizeBytes: reader.sizeBytes, stable }
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

/** All of it was read, the path still names this inode, and nothing was written to it. */
function isUnchanged(
  fd: number,
  before: BigIntStats,
  location: string,
  reader: ChunkReader,
): boolean {
  if (reader.sizeBytes !== Number(before.size)) return false
  if (!isSame(before, fstatSync(fd, { bigint: true }))) return false
  const named = lstatSync(fsPath(location), { bigint: true, throwIfNoEntry: false })
  return named !== undefined && isSame(before, named)
}

/** Its times were set when a call began that may still be writing. */
function mayBeInWriting({ ctimeNs, size }: BigIntStats, clock: Clock): boolean {
  return ctimeNs > inWritingSinceNs(clock.now(), Number(size))
}

/** Read once more, its bytes are those that these chunks were cut from. */
async function isAlike(fd: number, chunks: readonly ChunkRef[], keeper: ChunkKeeper) {
  const reading = recheck(fd, chunks, keeper)
  for (let turn = 1; ; turn += 1) {
    const { done, value } = reading.next()
    if (done === true) return value
    if (turn % TURN_CHUNKS === 0) await nextTurn()
  }
}

function isAlikeAtOnce(fd: number, chunks: readonly ChunkRef[], keeper: ChunkKeeper): boolean {
  const reading = recheck(fd, chunks, keeper)
  let step = reading.next()
  while (step.done !== true) step = reading.next()
  return step.value
}

function isSame(before: BigIntStats, stat: BigIntStats): boolean {
  return (
    stat.ino === before.ino &&
    stat.dev === before.dev &&
    stat.size === before.size &&
    stat.mtimeNs === before.mtimeNs &&
    stat.ctimeNs === before.ctimeNs
  )
}

/** The first bytes are those that the previous attempt read to its end: the file has only grown. */
function continues(read: Attempt, previous: StableRead, keeper: ChunkKeeper): boolean {
  if (read.stat.ino !== previous.stat.ino || read.sizeBytes < previous.sizeBytes) return false
  const last = previous.chunks.length - 1
  if (read.sizeBytes === previous.sizeBytes)
    return read.chunks.every((chunk, i) => same(previous.chunks[i], chunk))
  const isPrefix = previous.chunks.slice(0, last).every((chunk, i) => same(chunk, read.chunks[i]))
  if (!isPrefix || last < 0) return isPrefix
  // Where the file ended then, it is cut elsewhere now: that end is read once more.
  const reader = new ChunkReader(read.fd, previous.sizeBytes, isSparse(read.stat), keeper)
  while (reader.next());
  return reader.chunks.length === last + 1 && same(previous.chunks[last], reader.chunks[last])
}

function same(a: ChunkRef | undefined, b: ChunkRef | undefined): boolean {
  if (a === undefined || b === undefined) return false
  return isHole(a) ? isHole(b) && a.hole === b.hole : !isHole(b) && a.id === b.id
}

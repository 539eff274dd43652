/** A database with a write-ahead log: the database file with the newest committed frame of each page laid over it. */
import { DatabaseUnreadableError } from './database-error.ts'
import { fileState, identity, readHeader, readPadded } from './database-file.ts'
import type { DatabaseImage } from './database-image.ts'
import type { DatabasePosition, Evidence } from './position.ts'
import { changedPages } from './position.ts'
import { readFully } from './read-fully.ts'
import type { Frame } from './wal-frames.ts'
import { framePosition, framesThatFollow, markOfFrame, readFrames } from './wal-frames.ts'
import type { WalIndex } from './wal-index.ts'
import { readWalIndex } from './wal-index.ts'

/** Descriptors of the database's files. */
export interface LoggedFiles {
  readonly database: number
  /** The `-wal` file. */
  readonly log: number
  /** The `-shm` file. */
  readonly index: number
}

/** @param provesSinceNs a file with a ctime after this may change without bearing another time. */
export function loggedImage(files: LoggedFiles, provesSinceNs: bigint): DatabaseImage {
  const found = readWalIndex(files.index)
  const index =
    found.pageBytes > 0 ? found : { ...found, pageBytes: readHeader(files.database).pageBytes }
  const { pageBytes } = index
  const evidence = evidenceOf(files, index)
  const sizeBytes = index.pages > 0 ? index.pages * pageBytes : evidence.file.sizeBytes
  const position = positionOf(files, index, sizeBytes, evidence, provesSinceNs)
  const newest = new Map(evidence.overlay.map(({ page }, i) => [page, i + 1]))
  return {
    pageBytes,
    sizeBytes,
    position,
    changedSince: (since) => changedPages(since, position, evidence),
    read: (into, at) => readOverlaid(files, newest, pageBytes, into, at),
    isStill: () => isStill(index, readWalIndex(files.index)),
  }
}

/** All of the log is in the database file, which then is what our transaction sees and keeps from being written to. */
function isFileAlone(index: WalIndex): boolean {
  return index.copied >= index.frames
}

function evidenceOf(files: LoggedFiles, index: WalIndex): Evidence {
  const frames = framesOf(files.log, index)
  return {
    file: fileState(files.database),
    overlay: isFileAlone(index) ? [] : (frames ?? []),
    ...(frames !== undefined && { frames }),
    markOf: (frame) => markOfFrame(files.log, frame, index.pageBytes),
    following: (position) =>
      framesThatFollow(files.log, { ...position, frame: position.frames }, index.pageBytes),
  }
}

/** A log that is all in the database file may be begun anew while it is read here: then its frames are not known. */
function framesOf(log: number, index: WalIndex): readonly Frame[] | undefined {
  const frames = readFrames(log, index)
  if (frames === undefined && !isFileAlone(index))
    throw new DatabaseUnreadableError(
      'its write-ahead log (the -wal file) is not the one that its index (-shm) describes',
    )
  return frames
}

function positionOf(
  files: LoggedFiles,
  index: WalIndex,
  sizeBytes: number,
  { file }: Evidence,
  provesSinceNs: bigint,
): DatabasePosition {
  const { pageBytes, salts, frames, checksum, transactions } = index
  const isProof = isFileAlone(index) && BigInt(file.ctimeNs) <= provesSinceNs
  return {
    ...identity(files.database),
    pageBytes,
    sizeBytes,
    ...(isProof && { file }),
    log: { salts, frames, checksum, transactions },
  }
}

function readOverlaid(
  files: LoggedFiles,
  newest: ReadonlyMap<number, number>,
  pageBytes: number,
  into: Buffer,
  at: number,
): void {
  readPadded(files.database, into, at)
  if (newest.size === 0) return
  const end = at + into.length
  for (let page = Math.floor(at / pageBytes); page * pageBytes < end; page += 1) {
    const frame = newest.get(page)
    if (frame === undefined) continue
    const from = Math.max(at, page * pageBytes)
    const until = Math.min(end, (page + 1) * pageBytes)
    readFrame(
      files.log,
      framePosition(frame, pageBytes) + from - page * pageBytes,
      into.subarray(from - at, until - at),
    )
  }
}

function readFrame(log: number, position: number, into: Buffer): void {
  if (readFully(log, into, position) < into.length)
    throw new DatabaseUnreadableError(
      'its write-ahead log (the -wal file) was cut off while it was read',
    )
}

/** Neither was a frame beyond ours copied into the database file, nor was a log begun anew that we read from. */
function isStill(then: WalIndex, now: WalIndex): boolean {
  if (now.salts === then.salts) return now.copied <= then.frames || now.copied === then.copied
  return isFileAlone(then) && now.copied === 0
}

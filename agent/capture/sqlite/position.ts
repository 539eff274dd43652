/**
 * Where a snapshot stood, and from that, which pages may have changed since.
 *
 * In a write-ahead log they are the pages of the frames since then. A checkpoint only copies frames into the database
 * file and cuts it off at its end; beginning the log anew writes nothing to it: neither changes a page of its own.
 *
 * When the log was begun anew once, its earlier frames still lie behind the new ones, as long as those have not come
 * so far. They are all there if they follow on from the last one known by checksum, and if, together with the new
 * ones, they make up as many transactions as the wal-index has counted.
 *
 * Where the log does not help, the database file does: if a snapshot was that file alone and its times are still the
 * same, only what lies over it now has changed.
 */
import type { Frame } from './wal-frames.ts'

/** Plain data that survives JSON. */
export interface DatabasePosition {
  readonly device: string
  readonly inode: string
  readonly pageBytes: number
  /** Of the snapshot, not of the file. */
  readonly sizeBytes: number
  /** The database file, if it alone was the snapshot, and if its times are old enough to show a later change. */
  readonly file?: FileState
  /** With a write-ahead log. */
  readonly log?: LogPosition
}

export interface FileState {
  readonly sizeBytes: number
  readonly mtimeNs: string
  readonly ctimeNs: string
  readonly changeCounter: number
}

export interface LogPosition {
  readonly salts: string
  readonly frames: number
  readonly checksum: string
  readonly transactions: number
}

/** What lies on disk now, beside the position that it makes. */
export interface Evidence {
  readonly file: FileState
  /** What lies over the database file: nothing where it is the snapshot alone. */
  readonly overlay: readonly Frame[]
  /** All committed frames of the log, in order, where they could be read. */
  readonly frames?: readonly Frame[]
  /** What the frame with this number bears; frames count from 1. */
  markOf(frame: number): { readonly salts: string; readonly checksum: string }
  /** Frames that go on from an earlier position, of its own filling of the log. */
  following(position: LogPosition): readonly Frame[]
}

/** Sorted numbers from 0; 'all' where it cannot be known. */
export function changedPages(
  since: DatabasePosition | undefined,
  now: DatabasePosition,
  evidence: Evidence,
): readonly number[] | 'all' {
  if (since === undefined || !isSameFile(since, now)) return 'all'
  const frames =
    framesSince(since.log, now.log, evidence) ??
    (isUntouched(since.file, evidence.file) ? evidence.overlay : undefined)
  return frames === undefined ? 'all' : pagesOf(frames, since, now)
}

function isSameFile(a: DatabasePosition, b: DatabasePosition): boolean {
  return a.device === b.device && a.inode === b.inode && a.pageBytes === b.pageBytes
}

function isUntouched(since: FileState | undefined, now: FileState): boolean {
  return (
    since !== undefined &&
    since.sizeBytes === now.sizeBytes &&
    since.mtimeNs === now.mtimeNs &&
    since.ctimeNs === now.ctimeNs &&
    since.changeCounter === now.changeCounter
  )
}

function framesSince(
  since: LogPosition | undefined,
  now: LogPosition | undefined,
  evidence: Evidence,
): readonly Frame[] | undefined {
  const { frames } = evidence
  if (since === undefined || now === undefined || frames === undefined) return undefined
  // The salts of an empty log may still be drawn anew.
  if (since.frames === 0) return undefined
  const mark = evidence.markOf(since.frames)
  if (mark.salts !== since.salts || mark.checksum !== since.checksum) return undefined
  if (since.salts === now.salts)
    return since.frames <= now.frames ? frames.slice(since.frames) : undefined
  if (!isNextFilling(since.salts, now.salts)) return undefined
  const both = [...evidence.following(since), ...frames]
  const transactions = both.filter((frame) => frame.pagesAfter > 0).length
  return transactions === (now.transactions - since.transactions) >>> 0 ? both : undefined
}

/** Each time that the log is begun anew, the first of its salts grows by one and the second is drawn at random. */
function isNextFilling(since: string, now: string): boolean {
  return (first32(since) + 1) >>> 0 === first32(now)
}

function first32(salts: string): number {
  return Number.parseInt(salts.slice(0, 8), 16)
}

/** Also all pages beyond the smallest size in between: cut off and grown again, they need not lie in a frame. */
function pagesOf(
  frames: readonly Frame[],
  since: DatabasePosition,
  now: DatabasePosition,
): number[] {
  const end = Math.ceil(now.sizeBytes / now.pageBytes)
  let kept = Math.min(end, Math.floor(since.sizeBytes / since.pageBytes))
  const pages = new Set<number>()
  for (const { page, pagesAfter } of frames) {
    if (page < end) pages.add(page)
    if (pagesAfter > 0) kept = Math.min(kept, pagesAfter)
  }
  for (let page = kept; page < end; page += 1) pages.add(page)
  return [...pages].toSorted((a, b) => a - b)
}

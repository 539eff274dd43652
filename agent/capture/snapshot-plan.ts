/** Pure: what has to be looked at, read, carried on or dropped to make the next version of the held one. */
import type { Entry, Fault, FileEntry } from '../../shared/repository/entry.ts'
import type { Scan, ScannedEntry } from './scanner.ts'

export interface SnapshotPlan {
  /** Files whose content has to be read: new, or not certainly the same. */
  readonly read: readonly FileToRead[]
  /** Entries without content of their own that changed: directories, links. */
  readonly changed: readonly Entry[]
  /** Names of held entries that are deleted. */
  readonly gone: readonly string[]
  /** Held entries that cannot be read now: carried on, marked stale. */
  readonly stale: readonly Entry[]
  readonly faults: readonly Fault[]
}

export interface FileToRead {
  readonly scanned: ScannedEntry
  /** The first name of the same inode, where the file has several. */
  readonly hardLinkOf: string | undefined
}

/**
 * @param doubtful names of files that were read so soon after they changed that a later change may bear the same
 *   time: read again.
 */
export function planSnapshot(
  held: ReadonlyMap<string, Entry>,
  scan: Scan,
  doubtful: ReadonlySet<string>,
): SnapshotPlan {
  const plan: Mutable = { read: [], changed: [], gone: [], stale: [], faults: [] }
  const linkNames = new Map<string, string>()
  for (const entry of scan.entries.values())
    planEntry(
      plan,
      held,
      scan.marked.has(entry.name) ? withTimeOf(held, entry) : entry,
      doubtful,
      linkNames,
    )
  planAbsent(plan, held, scan)
  plan.faults.push(...scan.unreadable, ...scan.skipped)
  return plan
}

function withTimeOf(held: ReadonlyMap<string, Entry>, entry: ScannedEntry): ScannedEntry {
  return { ...entry, mtimeNs: held.get(entry.name)?.mtimeNs ?? entry.mtimeNs }
}

interface Mutable {
  read: FileToRead[]
  changed: Entry[]
  gone: string[]
  stale: Entry[]
  faults: Fault[]
}

function planEntry(
  plan: Mutable,
  held: ReadonlyMap<string, Entry>,
  entry: ScannedEntry,
  doubtful: ReadonlySet<string>,
  linkNames: Map<string, string>,
): void {
  const before = held.get(entry.name)
  if (entry.type !== 'file') {
    if (before === undefined || !isSame(before, entry)) plan.changed.push(withoutContent(entry))
    return
  }
  const hardLinkOf = firstNameOfInode(entry, linkNames)
  const sameLink = before?.type === 'file' && before.hardLinkOf === hardLinkOf
  if (before === undefined || !sameLink || !isSame(before, entry) || doubtful.has(entry.name))
    plan.read.push({ scanned: entry, hardLinkOf })
}

/** The first name of an inode that has several; undefined for that one itself, and for files with one name. */
export function firstNameOfInode(
  entry: ScannedEntry,
  names: Map<string, string>,
): string | undefined {
  if (entry.links < 2) return undefined
  const inode = `${entry.device}:${entry.inode}`
  const first = names.get(inode)
  if (first === undefined) names.set(inode, entry.name)
  return first
}

/** Certainly the same, content included: nothing can be written without its ctime moving. */
function isSame(before: Entry, now: ScannedEntry): boolean {
  return (
    before.type === now.type &&
    before.stale !== true &&
    before.mode === now.mode &&
    before.uid === now.uid &&
    before.gid === now.gid &&
    (before.type !== 'symlink' || before.target === now.target) &&
    (before.type === 'file' ? isSameFile(before, now) : before.mtimeNs === now.mtimeNs)
  )
}

/** Of a database and its log the ctime alone tells: checkpoints move the rest. */
function isSameFile(before: FileEntry, now: ScannedEntry): boolean {
  const isSameStat =
    before.ctimeNs === now.ctimeNs && before.inode === now.inode && before.unstable !== true
  const isSameFace = before.mtimeNs === now.mtimeNs && before.sizeBytes === now.sizeBytes
  return isSameStat && (now.database === true || isSameFace)
}

export function metadataOf(scanned: ScannedEntry) {
  const { name, mode, uid, gid, mtimeNs, ctimeNs, inode } = scanned
  return { name, mode, uid, gid, mtimeNs, ctimeNs, inode }
}

function withoutContent(scanned: ScannedEntry): Entry {
  const metadata = metadataOf(scanned)
  if (scanned.type === 'symlink')
    return { ...metadata, type: 'symlink', target: scanned.target ?? '' }
  return { ...metadata, type: 'directory' }
}

/** Held entries that the scan does not show are deleted, unless nothing is known about them. */
function planAbsent(plan: Mutable, held: ReadonlyMap<string, Entry>, scan: Scan): void {
  const unknown = new Set(scan.unreadable.map((fault) => fault.name))
  for (const entry of held.values()) {
    if (scan.entries.has(entry.name)) continue
    if (!isBelow(entry.name, unknown)) plan.gone.push(entry.name)
    else if (entry.stale !== true) plan.stale.push({ ...entry, stale: true })
  }
}

function isBelow(name: string, tops: ReadonlySet<string>): boolean {
  if (tops.size === 0) return false
  for (let end = name.length; end > 0; end = name.lastIndexOf('/', end - 1))
    if (tops.has(name.slice(0, end))) return true
  return false
}

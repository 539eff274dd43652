/**
 * What has to be read, carried on or dropped to make the next version of the held one: told of each entry that a walk
 * meets. Changes nothing, and reads no file.
 */
import type { ChunkRef, Entry, Fault, FileEntry } from '../../shared/repository/entry.ts'
import { EntryTable } from '../../shared/repository/entry-table.ts'
import { isAtOrBelow } from '../../shared/repository/names-below.ts'
import type { Findings, ScannedEntry } from './scanner.ts'

export interface SnapshotPlan {
  /** Entries that may differ; files among them still without their content. */
  readonly changed: EntryTable
  /** Rows in `changed` of files whose content has to be read: new, or not certainly the same. */
  readonly read: readonly number[]
  /** Names of held entries that are deleted. */
  readonly gone: ReadonlySet<string>
  /** All of them, not only the new ones. */
  readonly faults: readonly Fault[]
  /** Bytes of the files to read. */
  readonly readBytes: number
  /** What the version will hold is more than its declared paths themselves. */
  readonly hasContent: boolean
}

/** Stands for the content of a file that is to be read, so that the room for it is there already. */
const TO_COME: ChunkRef = {
  id: '0'.repeat(64),
  lengthBytes: 0,
  frame: { pack: '', offset: 0, storedBytes: 0, plainBytes: 0 },
  start: 0,
}

export class SnapshotPlanner {
  readonly changed = new EntryTable()
  readonly #held: EntryTable
  readonly #doubtful: ReadonlySet<string>
  readonly #read: number[] = []
  readonly #seen: Uint8Array
  readonly #gone = new Set<string>()
  readonly #linkNames = new Map<string, string>()
  #readBytes = 0
  #newNames = 0

  /**
   * @param doubtful names of files that were read so soon after they changed that a later change may bear the same
   *   time: read again.
   */
  constructor(held: EntryTable, doubtful: ReadonlySet<string>) {
    this.#held = held
    this.#doubtful = doubtful
    this.#seen = new Uint8Array(held.endRow)
  }

  /** Takes an entry up as the walk saw it. */
  add(scanned: ScannedEntry): void {
    const row = this.#held.rowOf(scanned.name)
    if (row === undefined) this.#newNames += 1
    else this.#seen[row] = 1
    const before = row === undefined ? undefined : this.#held.glance(scanned.name)
    const entry =
      scanned.marked === true && before !== undefined
        ? { ...scanned, mtimeNs: before.mtimeNs }
        : scanned
    if (entry.type === 'file') this.#addFile(entry, before)
    else if (before === undefined || !isSame(before, entry) || this.#doubtful.has(entry.name))
      this.changed.set(withoutContent(entry))
  }

  /**
   * Held entries that were not seen are deleted, unless nothing is known about them.
   * @param rows of the held entries that would have been seen.
   */
  end(findings: Findings, rows: Iterable<number>, faultsElsewhere: readonly Fault[]): SnapshotPlan {
    const unknown = new Set(findings.unreadable.map((fault) => fault.name))
    for (const row of rows) {
      if (this.#seen[row] === 1) continue
      const name = this.#held.nameAt(row)
      if (!isAtOrBelow(name, unknown)) this.#gone.add(name)
      else if (this.#held.glanceAt(row).stale !== true)
        this.changed.set({ ...this.#held.at(row), stale: true })
    }
    return {
      changed: this.changed,
      read: this.#read,
      gone: this.#gone,
      faults: [...faultsElsewhere, ...findings.unreadable, ...findings.skipped],
      readBytes: this.#readBytes,
      hasContent: this.#hasContent(),
    }
  }

  #hasContent(): boolean {
    const size = this.#held.size + this.#newNames - this.#gone.size
    let emptyRoots = 0
    for (const root of rootNames(this.#held, this.changed))
      if (!this.#gone.has(root) && this.#typeAfter(root) === 'directory') emptyRoots += 1
    return size > emptyRoots
  }

  #typeAfter(name: string): Entry['type'] | undefined {
    return (this.changed.glance(name) ?? this.#held.glance(name))?.type
  }

  #addFile(entry: ScannedEntry, before: Entry | undefined): void {
    const hardLinkOf = firstNameOfInode(entry, this.#linkNames)
    const sameLink = before?.type === 'file' && before.hardLinkOf === hardLinkOf
    if (sameLink && isSame(before, entry) && !this.#doubtful.has(entry.name)) return
    this.#readBytes += entry.sizeBytes
    const { name, mode, uid, gid, mtimeNs, ctimeNs, inode, sizeBytes } = entry
    const metadata = { name, mode, uid, gid, mtimeNs, ctimeNs, inode }
    const file: FileEntry = { ...metadata, type: 'file', sizeBytes, chunks: toCome(sizeBytes) }
    const linked = hardLinkOf === undefined ? file : { ...file, hardLinkOf }
    this.#read.push(
      this.changed.set(entry.database === true ? { ...linked, database: true } : linked),
    )
  }
}

function toCome(sizeBytes: number): ChunkRef[] {
  return sizeBytes > 0 ? [TO_COME] : []
}

/** Names of declared paths that either knows. */
function rootNames(...tables: readonly EntryTable[]): Set<string> {
  return new Set(tables.flatMap((table) => [...table.namesIn('')]))
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
    (before.type === 'file' ? isSameFile(before, now) : isSameOther(before, now))
  )
}

/** An attribute changes the ctime alone. */
function isSameOther(before: Entry, now: ScannedEntry): boolean {
  return before.mtimeNs === now.mtimeNs && before.ctimeNs === now.ctimeNs
}

/** Of a database and its log the ctime alone tells: checkpoints move the rest. */
function isSameFile(before: FileEntry, now: ScannedEntry): boolean {
  const isSameStat =
    before.ctimeNs === now.ctimeNs && before.inode === now.inode && before.unstable !== true
  const isSameFace = before.mtimeNs === now.mtimeNs && before.sizeBytes === now.sizeBytes
  const isDatabase = now.database === true
  if (isDatabase !== (before.database ?? false)) return false
  return isSameStat && (isDatabase || isSameFace)
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

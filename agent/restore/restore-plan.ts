/** Pure: what has to be done to a directory tree so that it holds exactly a version. */
import type { Entry, Fault, FileEntry, StoredChunk } from '../../shared/repository/entry.ts'
import { isHole, parentName, sameContent, sameEntry } from '../../shared/repository/entry.ts'
import type { ScannedEntry } from '../capture/scanner.ts'

/** What is there now: lstat of everything, and of files that have to be compared, their chunks. */
export interface Present {
  readonly scanned: ReadonlyMap<string, ScannedEntry>
  readonly files: ReadonlyMap<string, FileEntry>
  /** What an interrupted restore left behind, by name. */
  readonly leftovers: readonly string[]
}

export interface FileToWrite {
  readonly entry: FileEntry
  /** The present file's chunks, by id: what need not be fetched. */
  readonly present: FileEntry | undefined
}

export interface RestorePlan {
  /** Things in the way of something of another type, deepest first: removed before. */
  readonly obstacles: readonly ScannedEntry[]
  /** Directories to make, parents first. */
  readonly directories: readonly Entry[]
  /** Ordered by where their bytes lie in the repository. */
  readonly files: readonly FileToWrite[]
  readonly hardLinks: readonly FileEntry[]
  readonly symlinks: readonly Entry[]
  /** Entries whose mode, owner or times are to be set, deepest first; those of the lists above included. */
  readonly metadata: readonly Entry[]
  /** What the version does not have, deepest first: removed last. */
  readonly extras: readonly ScannedEntry[]
  /** What an interrupted restore left behind, by name. */
  readonly leftovers: readonly string[]
  readonly unchanged: number
  readonly writeBytes: number
  /** Bytes of files that are replaced or removed. */
  readonly freedBytes: number
  /** Plain bytes of the chunks that have to be fetched. */
  readonly fetchBytes: number
}

export function planRestore(
  target: ReadonlyMap<string, Entry>,
  faults: readonly Fault[],
  present: Present,
): RestorePlan {
  const entries = withOwnFirstNames(target).toSorted((a, b) => (a.name < b.name ? -1 : 1))
  const wrongType = (entry: Entry) => {
    const there = present.scanned.get(entry.name)
    return there !== undefined && there.type !== entry.type
  }
  const differs = entries.filter((entry) => !isPresent(entry, present))
  const obstacles = obstaclesOf(differs.filter(wrongType), present)
  const inTheWay = new Set(obstacles.map((entry) => entry.name))
  const files = differs.filter((entry) => entry.type === 'file')
  const toWrite = files.filter(
    (entry) => entry.hardLinkOf === undefined && !hasContent(entry, present),
  )
  const rewritten = new Set(toWrite.map((entry) => entry.name))
  const extras = extrasOf(target, faults, present).filter((entry) => !inTheWay.has(entry.name))
  const hardLinks = entries.filter(
    (entry): entry is FileEntry =>
      entry.type === 'file' &&
      entry.hardLinkOf !== undefined &&
      !isLinked(entry, entry.hardLinkOf, present, rewritten),
  )
  const writes = toWrite
    .map((entry) => ({ entry, present: present.files.get(entry.name) }))
    .toSorted((a, b) => compareBySource(a.entry, b.entry))
  return {
    obstacles,
    directories: differs.filter(
      (entry) =>
        entry.type === 'directory' &&
        (!present.scanned.has(entry.name) || inTheWay.has(entry.name)),
    ),
    files: writes,
    hardLinks,
    symlinks: differs.filter(
      (entry) => entry.type === 'symlink' && !sameTarget(entry, present.scanned.get(entry.name)),
    ),
    metadata: metadataOf(
      entries,
      [...differs, ...hardLinks],
      [...extras, ...obstacles, ...present.leftovers.map((name) => ({ name }))],
    ).toReversed(),
    extras,
    leftovers: present.leftovers,
    unchanged: entries.length - differs.length,
    writeBytes: toWrite.reduce((sum, entry) => sum + entry.sizeBytes, 0),
    freedBytes: freedBytes(toWrite, [...extras, ...obstacles], present),
    fetchBytes: [...chunksToFetch(writes)].reduce((sum, chunk) => sum + chunk.lengthBytes, 0),
  }
}

/** The chunks that the files of a plan need and their present content does not have, each once, in order. */
export function chunksToFetch(files: readonly FileToWrite[]): Set<StoredChunk> {
  const wanted = new Map<string, StoredChunk>()
  for (const { entry, present } of files) {
    const local = new Set(present?.chunks.flatMap((chunk) => (isHole(chunk) ? [] : chunk.id)))
    for (const chunk of entry.chunks)
      if (!isHole(chunk) && !local.has(chunk.id) && !wanted.has(chunk.id))
        wanted.set(chunk.id, chunk)
  }
  return new Set(wanted.values())
}

/** Hard links whose first name is none of these (excluded by now, or on a volume that stays): the next name takes its part. */
function withOwnFirstNames(target: ReadonlyMap<string, Entry>): Entry[] {
  const heirs = new Map<string, string>()
  return [...target.values()].map((entry) => {
    if (entry.type !== 'file' || entry.hardLinkOf === undefined || target.has(entry.hardLinkOf))
      return entry
    const { hardLinkOf, ...own } = entry
    const heir = heirs.get(hardLinkOf)
    if (heir === undefined) heirs.set(hardLinkOf, entry.name)
    return heir === undefined ? own : { ...own, hardLinkOf: heir }
  })
}

function isPresent(entry: Entry, present: Present): boolean {
  const there = present.files.get(entry.name) ?? asEntry(present.scanned.get(entry.name))
  if (there === undefined) return false
  const { stale: _carriedOn, ...version } = entry as FileEntry
  return sameEntry(version, there)
}

function asEntry(scanned: ScannedEntry | undefined): Entry | undefined {
  if (scanned === undefined || scanned.type === 'file') return undefined
  if (scanned.type === 'symlink')
    return { ...scanned, type: 'symlink', target: scanned.target ?? '' }
  return { ...scanned, type: 'directory' }
}

function hasContent(entry: FileEntry, present: Present): boolean {
  const there = present.files.get(entry.name)
  return there !== undefined && there.hardLinkOf === undefined && sameContent(entry, there)
}

function isLinked(
  entry: FileEntry,
  first: string,
  present: Present,
  rewritten: ReadonlySet<string>,
): boolean {
  const [a, b] = [present.scanned.get(entry.name), present.scanned.get(first)]
  return a !== undefined && a.inode === b?.inode && a.device === b.device && !rewritten.has(first)
}

function sameTarget(entry: Entry, there: ScannedEntry | undefined): boolean {
  return entry.type === 'symlink' && there?.type === 'symlink' && there.target === entry.target
}

/** Everything at and below an entry of the wrong type. */
function obstaclesOf(entries: readonly Entry[], present: Present): ScannedEntry[] {
  if (entries.length === 0) return []
  const tops = new Set(entries.map((entry) => entry.name))
  return [...present.scanned.values()]
    .filter((there) => isAtOrBelow(there.name, tops))
    .toSorted(deepestFirst)
}

/**
 * What the version lists as unreadable or skipped was there, and stays, with all below; so does a declared directory
 * itself, which may be a mount point, or lie where we may remove nothing.
 */
function extrasOf(
  target: ReadonlyMap<string, Entry>,
  faults: readonly Fault[],
  present: Present,
): ScannedEntry[] {
  const kept = new Set(faults.map((fault) => fault.name))
  const ancestors = new Set(faults.flatMap((fault) => ancestorsOf(fault.name)))
  return [...present.scanned.values()]
    .filter(({ name }) => !target.has(name) && !isAtOrBelow(name, kept) && !ancestors.has(name))
    .filter(({ name, type }) => name.includes('/') || type !== 'directory')
    .toSorted(deepestFirst)
}

function ancestorsOf(name: string): string[] {
  const parent = parentName(name)
  return parent === undefined ? [] : [parent, ...ancestorsOf(parent)]
}

function isAtOrBelow(name: string, tops: ReadonlySet<string>): boolean {
  return tops.has(name) || ancestorsOf(name).some((ancestor) => tops.has(ancestor))
}

function deepestFirst(a: ScannedEntry, b: ScannedEntry): number {
  return a.name < b.name ? 1 : -1
}

/** Whatever differs, and the directories above: making or removing something moves their times, reaching it may have needed another mode. */
function metadataOf(
  entries: readonly Entry[],
  made: readonly Entry[],
  removed: readonly { readonly name: string }[],
): Entry[] {
  const touched = new Set([...made, ...removed].flatMap(({ name }) => [name, ...ancestorsOf(name)]))
  return entries.filter((entry) => touched.has(entry.name))
}

/** So that packs are read from front to back. */
function compareBySource(a: FileEntry, b: FileEntry): number {
  const [first, second] = [firstStored(a), firstStored(b)]
  if (first === undefined || second === undefined)
    return Number(first !== undefined) - Number(second !== undefined)
  if (first.pack !== second.pack) return first.pack < second.pack ? -1 : 1
  return first.frame.offset - second.frame.offset || first.start - second.start
}

function firstStored(entry: FileEntry): StoredChunk | undefined {
  return entry.chunks.find((chunk): chunk is StoredChunk => !isHole(chunk))
}

function freedBytes(
  written: readonly FileEntry[],
  removed: readonly ScannedEntry[],
  present: Present,
): number {
  const replaced = written.map((entry) => present.scanned.get(entry.name))
  return [...replaced, ...removed].reduce(
    (sum, there) => sum + (there?.type === 'file' ? there.allocatedBytes : 0),
    0,
  )
}

/**
 * What has to be done to a directory tree so that it holds exactly a version. Lists of entries are numbers of rows in
 * the target's table: a plan for a million files must not need a gigabyte.
 */
import type {
  Entry,
  Fault,
  FileEntry,
  PackedFrame,
  StoredChunk,
} from '../../shared/repository/entry.ts'
import { isHole, parentName, sameContent } from '../../shared/repository/entry.ts'
import type { EntryTable } from '../../shared/repository/entry-table.ts'
import { isAtOrBelow } from '../../shared/repository/names-below.ts'
import { MAX_FRAME_BYTES } from '../../shared/repository/frame.ts'
import type { ScannedEntry } from '../capture/scanner.ts'
import { bytesToFetch } from './bytes-to-fetch.ts'
import type { Present } from './present.ts'
import { databasesToClear } from './stale-logs.ts'

export interface RestorePlan {
  readonly target: EntryTable
  /** Content of present files by name: what of it is wanted need not be fetched. */
  readonly present: ReadonlyMap<string, FileEntry>
  /** Databases whose logs, indexes and journals are removed first. */
  readonly databases: readonly ScannedEntry[]
  /** Things in the way of something of another type, deepest first: removed before. */
  readonly obstacles: readonly ScannedEntry[]
  /** Directories to make, parents first. */
  readonly directories: readonly number[]
  /** Ordered by where their bytes lie in the repository. */
  readonly files: readonly number[]
  readonly hardLinks: readonly number[]
  readonly symlinks: readonly number[]
  /** Entries whose mode, owner or times are to be set once everything is there, deepest first. */
  readonly metadata: readonly number[]
  /** What the version does not have, deepest first: removed last. */
  readonly extras: readonly ScannedEntry[]
  /** What an interrupted restore left behind, by name. */
  readonly leftovers: readonly string[]
  /** What is there has no extended attributes to inherit; above the declared paths, something may. */
  readonly isBare: boolean
  readonly unchanged: number
  readonly writeBytes: number
  /** Bytes of files that are replaced or removed. */
  readonly freedBytes: number
  /** Stored bytes of the frames that have to be fetched. */
  readonly fetchBytes: number
  /** Something that is there would be overwritten or removed. */
  readonly losesContent: boolean
}

export function planRestore(
  target: EntryTable,
  faults: readonly Fault[],
  present: Present,
): RestorePlan {
  const lists = sortRows(target, present)
  const { leftovers } = present.findings
  const extras = extrasOf(target, faults, present, lists.obstacles)
  const files = inOrderOfSource(target, lists.files)
  const { obstacles, hardLinks, symlinks } = lists
  const databases = databasesToClear(target, present.others, lists.restated)
  const removed = [...[...extras, ...obstacles].map(({ name }) => name), ...leftovers]
  const overwrites = (rows: readonly number[]) =>
    present.others.size > 0 && rows.some((row) => present.others.has(target.nameAt(row)))
  const plan = { target, present: present.files, files }
  return {
    ...plan,
    databases,
    obstacles,
    directories: lists.directories,
    hardLinks,
    symlinks,
    metadata: metadataRows(target, lists, removed),
    extras,
    leftovers,
    isBare: present.isBare,
    unchanged: target.size - lists.made.length,
    writeBytes: files.reduce((sum, row) => sum + target.sizeBytesAt(row), 0),
    freedBytes: freedBytes(target, files, [...extras, ...obstacles], present),
    fetchBytes: bytesToFetch(plan),
    losesContent:
      extras.length + obstacles.length > 0 || [files, hardLinks, symlinks].some(overwrites),
  }
}

interface Lists {
  obstacles: ScannedEntry[]
  directories: number[]
  files: number[]
  hardLinks: number[]
  symlinks: number[]
  /** All that is not as it shall be. */
  made: number[]
  /** What needs only its metadata set, or has them set after it was made. */
  restated: number[]
}

function sortRows(target: EntryTable, present: Present): Lists {
  const { others, same } = present
  const rows = [...target.rows()]
  const differs = rows.filter((row) => same[row] !== 1)
  const wrong = new Set<string>()
  for (const row of others.size === 0 ? [] : differs) {
    const name = target.nameAt(row)
    const there = others.get(name)
    if (there !== undefined && there.type !== target.typeAt(row)) wrong.add(name)
  }
  const obstacles = obstaclesOf(wrong, others)
  const inTheWay = new Set(obstacles.map(({ name }) => name))
  const lists: Lists = {
    obstacles,
    directories: [],
    files: [],
    hardLinks: [],
    symlinks: [],
    made: differs,
    restated: [],
  }
  for (const row of differs) sortRow(lists, target, row, present, inTheWay)
  const rewritten = new Uint8Array(target.endRow)
  for (const row of lists.files) rewritten[row] = 1
  lists.directories = rowsByName(target, lists.directories)
  for (const row of rows) {
    const hardLinkOf = target.hardLinkOfAt(row)
    if (hardLinkOf === undefined) continue
    const first = target.rowOf(hardLinkOf)
    const isStale = first !== undefined && rewritten[first] === 1
    if (isStale || !isLinked(target.nameAt(row), hardLinkOf, others)) lists.hardLinks.push(row)
  }
  return lists
}

function sortRow(
  lists: Lists,
  target: EntryTable,
  row: number,
  { others, files, logged }: Present,
  inTheWay: ReadonlySet<string>,
): void {
  const type = target.typeAt(row)
  const name = others.size === 0 ? undefined : target.nameAt(row) // with nothing there, it says nothing
  const there = name === undefined || inTheWay.has(name) ? undefined : others.get(name)
  if (type === 'directory') {
    if (there === undefined) lists.directories.push(row)
    lists.restated.push(row)
  } else if (type === 'symlink') {
    if (there === undefined || !isLinkTo(there, target.glanceAt(row))) lists.symlinks.push(row)
    lists.restated.push(row)
  } else if (target.hardLinkOfAt(row) !== undefined) lists.restated.push(row)
  else if (name !== undefined && hasContent(target, row, files) && !logged.has(name))
    lists.restated.push(row)
  else lists.files.push(row)
}

function isLinkTo(there: ScannedEntry, wanted: Entry): boolean {
  return there.type === 'symlink' && wanted.type === 'symlink' && there.target === wanted.target
}

function hasContent(
  target: EntryTable,
  row: number,
  files: ReadonlyMap<string, FileEntry>,
): boolean {
  const there = files.get(target.nameAt(row))
  if (there === undefined || there.hardLinkOf !== undefined) return false
  return sameContent(target.at(row) as FileEntry, there)
}

function isLinked(name: string, first: string, others: ReadonlyMap<string, ScannedEntry>): boolean {
  const [a, b] = [others.get(name), others.get(first)]
  return a !== undefined && a.inode === b?.inode && a.device === b.device
}

/** Everything at and below an entry of the wrong type. */
function obstaclesOf(
  tops: ReadonlySet<string>,
  others: ReadonlyMap<string, ScannedEntry>,
): ScannedEntry[] {
  if (tops.size === 0) return []
  return [...others.values()].filter(({ name }) => isAtOrBelow(name, tops)).toSorted(deepestFirst)
}

/**
 * What the version lists as unreadable or skipped was there, and stays, with all below; so does a declared directory
 * itself, which may be a mount point, or lie where we may remove nothing.
 */
function extrasOf(
  target: EntryTable,
  faults: readonly Fault[],
  { others }: Present,
  obstacles: readonly ScannedEntry[],
): ScannedEntry[] {
  const kept = new Set(faults.map((fault) => fault.name))
  const ancestors = new Set(faults.flatMap((fault) => ancestorsOf(fault.name)))
  const inTheWay = new Set(obstacles.map(({ name }) => name))
  return [...others.values()]
    .filter(({ name }) => !target.has(name) && !inTheWay.has(name))
    .filter(({ name }) => !isAtOrBelow(name, kept) && !ancestors.has(name))
    .filter(({ name, type }) => name.includes('/') || type !== 'directory')
    .toSorted(deepestFirst)
}

function ancestorsOf(name: string): string[] {
  const parent = parentName(name)
  return parent === undefined ? [] : [parent, ...ancestorsOf(parent)]
}

/** Parents before what is in them. */
function rowsByName(target: EntryTable, rows: Iterable<number>): number[] {
  const named = [...rows].map((row) => ({ row, name: target.nameAt(row) }))
  return named.toSorted((a, b) => (a.name < b.name ? -1 : 1)).map(({ row }) => row)
}

function deepestFirst(a: ScannedEntry, b: ScannedEntry): number {
  return a.name < b.name ? 1 : -1
}

/** Whatever is restated, and the directories above anything made or removed: that moves their times, and reaching it may have needed another mode. */
function metadataRows(
  target: EntryTable,
  { restated, made, hardLinks }: Lists,
  removed: readonly string[],
): number[] {
  const rows = new Set(restated)
  const seen = new Set<string>()
  const touch = (directory: string | undefined) => {
    for (let up = directory; up !== undefined && !seen.has(up); up = parentName(up)) {
      seen.add(up)
      const row = target.rowOf(up)
      if (row !== undefined) rows.add(row)
    }
  }
  if (made.length === target.size) for (const up of target.parents()) touch(up)
  else for (const row of made) touch(parentName(target.nameAt(row)))
  for (const row of hardLinks) touch(parentName(target.nameAt(row)))
  for (const name of removed) touch(parentName(name))
  return rowsByName(target, rows).toReversed()
}

/** So that packs are read from front to back, and one after the other as they were written: their names say nothing of that. */
function inOrderOfSource(target: EntryTable, rows: readonly number[]): number[] {
  const starts = new Float64Array(rows.length)
  const frames = rows.map((row, i) => {
    const first = target.chunksAt(row).find((chunk): chunk is StoredChunk => !isHole(chunk))
    starts[i] = first?.start ?? 0
    return first?.frame
  })
  const known = new Set(frames.filter((frame) => frame !== undefined))
  const packs = new Map<string, number>()
  for (const { pack } of known) if (!packs.has(pack)) packs.set(pack, packs.size)
  const packOf = ({ pack }: PackedFrame) => packs.get(pack) ?? 0
  const sorted = [...known].toSorted((a, b) => packOf(a) - packOf(b) || a.offset - b.offset)
  const ranks = new Map(sorted.map((frame, i) => [frame, i + 1]))
  const keys = Float64Array.from(frames, (frame, i) => {
    const rank = frame === undefined ? 0 : (ranks.get(frame) ?? 0)
    return rank * MAX_FRAME_BYTES + (starts[i] as number)
  })
  const order = [...rows.keys()].toSorted((a, b) => (keys[a] as number) - (keys[b] as number))
  return order.map((i) => rows[i] as number)
}

function freedBytes(
  target: EntryTable,
  written: readonly number[],
  removed: readonly ScannedEntry[],
  { others }: Present,
): number {
  let bytes = 0
  const count = (there: ScannedEntry | undefined) => {
    if (there?.type === 'file') bytes += there.allocatedBytes
  }
  if (others.size > 0) for (const row of written) count(others.get(target.nameAt(row)))
  for (const there of removed) count(there)
  return bytes
}

/**
 * The truth about a volume: a walk with lstat of everything declared and not excluded. Watch events are only hints.
 * Never follows a symbolic link. `ENOENT` below a readable directory is a delete; any other error is "not known".
 */
import type { BigIntStats, Dirent } from 'node:fs'
import { lstatSync, readdirSync, readlinkSync } from 'node:fs'
import { setImmediate as nextTurn } from 'node:timers/promises'
import path from 'node:path'
import type { Fault } from '../../shared/repository/entry.ts'
import type { Layout, StateRoot } from '../volume/layout.ts'
import { MARK_NAME, isTemporaryName } from '../volume/layout.ts'
import { decodeName, fsPath } from '../volume/raw-path.ts'

/** What lstat says of an entry, without its content. */
export interface ScannedEntry {
  readonly name: string
  readonly type: 'file' | 'directory' | 'symlink'
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly sizeBytes: number
  /** Less than the size: the file has holes. */
  readonly allocatedBytes: number
  readonly mtimeNs: bigint
  readonly ctimeNs: bigint
  readonly inode: bigint
  readonly device: bigint
  readonly links: number
  /** Of a symbolic link. */
  readonly target?: string
  /** A database: its content may be longer or shorter than its file. */
  readonly database?: true
}

export interface Scan {
  readonly entries: ReadonlyMap<string, ScannedEntry>
  /** Entries, and directories with all below them, about which nothing is known. */
  readonly unreadable: readonly Fault[]
  /** Sockets, devices, FIFOs: listed, never kept. */
  readonly skipped: readonly Fault[]
  /** Indexes of declared paths that are not there. */
  readonly missingRoots: readonly number[]
  /** Names of what an interrupted restore left behind. */
  readonly leftovers: readonly string[]
  /** Directories in which a mark lies: writing it moves their mtime, which is no change of the app's. */
  readonly marked: ReadonlySet<string>
}

/** The file system's own, in the root of a volume: root's alone, and no state of any app. */
const LOST_AND_FOUND = 'lost+found'
/** So many entries are looked at before others get a turn of the event loop. */
const TURN_ENTRIES = 1000

export async function scan(layout: Layout): Promise<Scan> {
  const found: Found = {
    entries: new Map(),
    unreadable: [],
    skipped: [],
    missingRoots: [],
    leftovers: [],
    marked: new Set(),
  }
  const marks = new Set(layout.volumes.map((volume) => path.join(volume.at, MARK_NAME)))
  const notOurs = new Set(layout.volumes.map((volume) => path.join(volume.at, LOST_AND_FOUND)))
  for (const [index, root] of layout.roots.entries()) {
    if (root.as === 'sqlite') {
      scanDatabase(found, String(index), root.at)
      continue
    }
    const walking = walk(found, root, String(index), root.at, { marks, notOurs })
    for (let seen = 1; walking.next().done !== true; seen += 1)
      if (seen % TURN_ENTRIES === 0) await nextTurn()
  }
  return found
}

/** A database and its log count as one file, which changed when either did. */
function scanDatabase(found: Found, name: string, location: string): void {
  const database = look(found, name, location, true)
  if (database === undefined) return
  if (database.type !== 'file') {
    found.unreadable.push({ name, kind: 'unreadable', why: `as: sqlite, but a ${database.type}` })
    return
  }
  let { mtimeNs, ctimeNs } = database
  for (const suffix of ['-wal', '-journal']) {
    const side = lstatSync(fsPath(location + suffix), { bigint: true, throwIfNoEntry: false })
    if (side === undefined) continue
    if (side.mtimeNs > mtimeNs) mtimeNs = side.mtimeNs
    if (side.ctimeNs > ctimeNs) ctimeNs = side.ctimeNs
  }
  found.entries.set(name, { ...database, mtimeNs, ctimeNs, database: true })
}

/** Locations in the volumes' roots that are no part of the state. */
interface Aside {
  readonly marks: ReadonlySet<string>
  readonly notOurs: ReadonlySet<string>
}

interface Found {
  entries: Map<string, ScannedEntry>
  unreadable: Fault[]
  skipped: Fault[]
  missingRoots: number[]
  leftovers: string[]
  marked: Set<string>
}

function* walk(
  found: Found,
  root: StateRoot,
  name: string,
  location: string,
  aside: Aside,
): Generator<void> {
  const isRoot = !name.includes('/')
  const entry = look(found, name, location, isRoot)
  yield
  if (entry === undefined) return
  found.entries.set(name, entry)
  if (entry.type !== 'directory') return
  for (const child of list(found, name, location)) {
    const below = `${location}/${child}`
    const belowRoot = isRoot ? child : `${name.slice(name.indexOf('/') + 1)}/${child}`
    if (aside.marks.has(below)) found.marked.add(name)
    if (aside.marks.has(below) || aside.notOurs.has(below)) continue
    if (isTemporaryName(child)) found.leftovers.push(`${name}/${child}`)
    if (isTemporaryName(child) || root.excludes(belowRoot)) continue
    yield* walk(found, root, `${name}/${child}`, below, aside)
  }
}

function look(
  found: Found,
  name: string,
  location: string,
  isRoot: boolean,
): ScannedEntry | undefined {
  try {
    const stat = lstatSync(fsPath(location), { bigint: true })
    const type = typeOf(stat)
    if (type === undefined) {
      found.skipped.push({ name, kind: 'skipped', why: specialType(stat) })
      return undefined
    }
    return scannedEntry(name, type, stat, type === 'symlink' ? readTarget(location) : undefined)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code !== 'ENOENT') found.unreadable.push({ name, kind: 'unreadable', why: String(code) })
    else if (isRoot) found.missingRoots.push(Number(name))
    return undefined
  }
}

function list(found: Found, name: string, location: string): string[] {
  try {
    return readNames(location)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    // A directory that went between lstat and now is deleted; its entry would be a lie, the next scan has the truth.
    if (code === 'ENOENT') {
      found.entries.delete(name)
      if (!name.includes('/')) found.missingRoots.push(Number(name))
    } else found.unreadable.push({ name, kind: 'unreadable', why: String(code) })
    return []
  }
}

/** Names in code unit order, so that scans of the same tree are alike. */
export function readNames(dir: string): string[] {
  const names = readdirSync(fsPath(dir))
  if (!names.some((name) => name.includes('\ufffd'))) return names.toSorted()
  const raw: (Dirent<Buffer> | Buffer)[] = readdirSync(fsPath(dir), { encoding: 'buffer' })
  return raw.map((bytes) => decodeName(bytes as Buffer)).toSorted()
}

function readTarget(location: string): string {
  return decodeName(readlinkSync(fsPath(location), { encoding: 'buffer' }))
}

export function scannedEntry(
  name: string,
  type: ScannedEntry['type'],
  stat: BigIntStats,
  target?: string,
): ScannedEntry {
  return {
    name,
    type,
    mode: Number(stat.mode & 0o7777n),
    uid: Number(stat.uid),
    gid: Number(stat.gid),
    sizeBytes: Number(stat.size),
    allocatedBytes: Number(stat.blocks) * 512,
    mtimeNs: stat.mtimeNs,
    ctimeNs: stat.ctimeNs,
    inode: stat.ino,
    device: stat.dev,
    links: Number(stat.nlink),
    ...(target !== undefined && { target }),
  }
}

function typeOf(stat: BigIntStats): ScannedEntry['type'] | undefined {
  if (stat.isFile()) return 'file'
  if (stat.isDirectory()) return 'directory'
  return stat.isSymbolicLink() ? 'symlink' : undefined
}

function specialType(stat: BigIntStats): string {
  if (stat.isSocket()) return 'socket'
  if (stat.isFIFO()) return 'FIFO'
  return 'device'
}

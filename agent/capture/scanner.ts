/**
 * The truth about a volume: a walk with lstat of everything declared and not excluded. Watch events are only hints.
 * Never follows a symbolic link. `ENOENT` below a readable directory is a delete; any other error is "not known".
 */
import type { BigIntStats } from 'node:fs'
import { lstatSync } from 'node:fs'
import { setImmediate as nextTurn } from 'node:timers/promises'
import path from 'node:path'
import type { Entry, Fault } from '../../shared/repository/entry.ts'
import { pathInRoot, rootOf } from '../../shared/repository/entry.ts'
import type { Layout } from '../volume/layout.ts'
import { MARK_NAME, databaseBeside, isTemporaryName, locationOf } from '../volume/layout.ts'
import { fsPath } from '../volume/raw-path.ts'
import { specialType, typeOf } from './entry-type.ts'
import { readNames, readTarget } from './raw-names.ts'
import { asDatabase, isDatabaseFile } from './sqlite/notice.ts'

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
  /** What lies beside a database as its own. */
  readonly beside?: readonly SideFile[]
  /** A directory in which a mark lies: writing it moves the directory's mtime, which is no change of the app's. */
  readonly marked?: true
}

/** What SQLite keeps beside a database. */
export interface SideFile {
  readonly suffix: string
  readonly sizeBytes: number
}

/** What a walk met besides entries. */
export interface Findings {
  /** Entries, and directories with all below them, about which nothing is known. */
  readonly unreadable: Fault[]
  /** Sockets, devices, FIFOs: listed, never kept. */
  readonly skipped: Fault[]
  /** Indexes of declared paths that are not there. */
  readonly missingRoots: number[]
  /** Names of what an interrupted restore left behind. */
  readonly leftovers: string[]
}

export interface Scan extends Findings {
  readonly entries: ReadonlyMap<string, ScannedEntry>
}

/** What a walk tells whoever follows it; a directory comes before what is in it. */
export interface Visitor {
  entry(entry: ScannedEntry): void
  /** Before a directory is listed. */
  directory?(location: string): void
}

/** A directory in which a walk is, and the index of the name that comes next there. */
interface OpenDirectory {
  readonly name: string
  readonly location: string
  readonly names: readonly string[]
  next: number
}

/** The file system's own, in the root of a volume: root's alone, and no state of any app. */
const LOST_AND_FOUND = 'lost+found'
/** So many entries are looked at before others get a turn of the event loop. */
const TURN_ENTRIES = 1000

/** Everything there is, at once. For large volumes, `Walker` shows one entry at a time. */
export async function scan(layout: Layout): Promise<Scan> {
  const entries = new Map<string, ScannedEntry>()
  const walker = new Walker(layout, { entry: (entry) => entries.set(entry.name, entry) })
  await walker.walkAll()
  return { entries, ...walker.findings }
}

export class Walker {
  readonly findings: Findings = { unreadable: [], skipped: [], missingRoots: [], leftovers: [] }
  readonly #layout: Layout
  readonly #visitor: Visitor
  /** Locations in the volumes' roots that are no part of the state. */
  readonly #marks: ReadonlySet<string>
  readonly #notOurs: ReadonlySet<string>
  readonly #known: (name: string) => Entry | undefined
  /** Names of databases that the walk has met. */
  readonly #databases = new Set<string>()

  /** @param known what is held of an entry: a file that has not changed since is not looked into again. */
  constructor(
    layout: Layout,
    visitor: Visitor,
    known: (name: string) => Entry | undefined = () => undefined,
  ) {
    this.#layout = layout
    this.#visitor = visitor
    this.#known = known
    this.#marks = new Set(layout.volumes.map(({ at }) => path.join(at, MARK_NAME)))
    this.#notOurs = new Set(layout.volumes.map(({ at }) => path.join(at, LOST_AND_FOUND)))
  }

  async walkAll(): Promise<void> {
    for (const index of this.#layout.roots.keys()) await this.walk(String(index))
  }

  /** An entry, and all below it. */
  async walk(name: string): Promise<void> {
    const open: OpenDirectory[] = []
    this.#visit(name, locationOf(this.#layout, name), open)
    let seen = 1
    for (let top = open.at(-1); top !== undefined; top = open.at(-1)) {
      const child = top.names[top.next]
      top.next += 1
      if (child === undefined) open.pop()
      else if (this.#visitChild(top, child, open)) seen += 1
      if (seen % TURN_ENTRIES !== 0) continue
      await nextTurn()
      seen += 1
    }
  }

  /** An entry alone; undefined where there is none that can be kept (`findings` says why, unless it is gone). */
  look(name: string, location = locationOf(this.#layout, name)): ScannedEntry | undefined {
    const isRoot = !name.includes('/')
    const entry = this.#look(name, location, isRoot)
    const { as } = this.#layout.roots[rootOf(name)] ?? {}
    if (as === 'sqlite' && entry !== undefined) return this.#declaredDatabase(entry, location)
    if (as === 'auto' && entry?.type === 'file' && this.#isDatabase(entry, location))
      return asDatabase(entry, location)
    const isMarked = entry?.type === 'directory' && this.#marks.has(path.join(location, MARK_NAME))
    return isMarked && isThere(path.join(location, MARK_NAME)) ? { ...entry, marked: true } : entry
  }

  /** Is it part of the state, as far as its name tells? What a restore left behind is noted. */
  isState(name: string): boolean {
    const base = name.slice(name.lastIndexOf('/') + 1)
    const isRoot = base === name
    if (
      (isRoot || base === MARK_NAME || base === LOST_AND_FOUND) &&
      this.#isVolumes(locationOf(this.#layout, name))
    )
      return false
    if (isTemporaryName(base)) {
      this.findings.leftovers.push(name)
      return false
    }
    const root = this.#layout.roots[rootOf(name)]
    return root !== undefined && (isRoot || !root.excludes(pathInRoot(name)))
  }

  #isVolumes(location: string): boolean {
    return this.#marks.has(location) || this.#notOurs.has(location)
  }

  #visitChild({ name, location }: OpenDirectory, child: string, open: OpenDirectory[]): boolean {
    const childName = `${name}/${child}`
    if (!this.isState(childName) || this.#isSide(childName)) return false
    this.#visit(childName, `${location}/${child}`, open)
    return true
  }

  /** @param open gets the entry, too, where it is a directory. */
  #visit(name: string, location: string, open: OpenDirectory[]): void {
    const entry = this.look(name, location)
    if (entry?.database === true) this.#databases.add(name)
    if (entry?.type !== 'directory') {
      if (entry !== undefined) this.#visitor.entry(entry)
      return
    }
    this.#visitor.directory?.(location)
    const names = this.list(name, location)
    // A directory that went between lstat and now is deleted; an entry of it would be a lie.
    if (names === undefined) return
    this.#visitor.entry(entry)
    open.push({ name, location, names, next: 0 })
  }

  /** A database comes before what lies beside it, since its name does. */
  #isSide(name: string): boolean {
    return this.#databases.size > 0 && this.#databases.has(databaseBeside(name) ?? '')
  }

  /** The name of the database that this is the log, index or journal of. */
  databaseOf(name: string): string | undefined {
    const database = databaseBeside(name)
    if (database === undefined || this.#layout.roots[rootOf(name)]?.as !== 'auto') return undefined
    if (!this.isState(database)) return undefined
    const location = locationOf(this.#layout, database)
    const stat = statOf(location)
    if (stat?.isFile() !== true) return undefined
    const isOne = this.#isDatabase(scannedEntry(database, 'file', stat), location)
    return isOne ? database : undefined
  }

  #isDatabase(entry: ScannedEntry, location: string): boolean {
    const known = this.#known(entry.name)
    const isSame = known?.ctimeNs === entry.ctimeNs && known.inode === entry.inode
    if (isSame && known.type === 'file' && known.database !== true) return false
    return isDatabaseFile(location, entry.sizeBytes)
  }

  #declaredDatabase(database: ScannedEntry, location: string): ScannedEntry | undefined {
    const { name, type } = database
    if (type !== 'file') {
      this.findings.unreadable.push({ name, kind: 'unreadable', why: `as: sqlite, but a ${type}` })
      return undefined
    }
    return asDatabase(database, location)
  }

  #look(name: string, location: string, isRoot: boolean): ScannedEntry | undefined {
    try {
      const stat = lstatSync(fsPath(location), { bigint: true })
      const type = typeOf(stat)
      if (type === undefined) {
        this.findings.skipped.push({ name, kind: 'skipped', why: specialType(stat) })
        return undefined
      }
      return scannedEntry(name, type, stat, type === 'symlink' ? readTarget(location) : undefined)
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code !== 'ENOENT')
        this.findings.unreadable.push({ name, kind: 'unreadable', why: String(code) })
      else if (isRoot) this.findings.missingRoots.push(Number(name))
      return undefined
    }
  }

  /** Names in a directory; undefined when it has gone. */
  list(name: string, location: string): string[] | undefined {
    try {
      return readNames(location)
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code === 'ENOENT') {
        if (!name.includes('/')) this.findings.missingRoots.push(Number(name))
        return undefined
      }
      this.findings.unreadable.push({ name, kind: 'unreadable', why: String(code) })
      return []
    }
  }
}

/** Undefined, too, for what cannot be looked at. */
function statOf(location: string): BigIntStats | undefined {
  try {
    return lstatSync(fsPath(location), { bigint: true, throwIfNoEntry: false })
  } catch {
    return undefined
  }
}

export function isThere(location: string): boolean {
  return lstatSync(fsPath(location), { throwIfNoEntry: false }) !== undefined
}

export function scannedEntry(
  name: string,
  type: ScannedEntry['type'],
  stat: BigIntStats,
  target?: string,
): ScannedEntry {
  const entry = {
    name,
    type,
    mode: permissionsOf(stat.mode),
    uid: Number(stat.uid),
    gid: Number(stat.gid),
    sizeBytes: Number(stat.size),
    allocatedBytes: Number(stat.blocks) * 512,
    mtimeNs: stat.mtimeNs,
    ctimeNs: stat.ctimeNs,
    inode: stat.ino,
    device: stat.dev,
    links: Number(stat.nlink),
  }
  return target === undefined ? entry : { ...entry, target }
}

/** Of what lstat calls a mode: without the type. */
export function permissionsOf(mode: bigint): number {
  return Number(mode) & 0o7777
}

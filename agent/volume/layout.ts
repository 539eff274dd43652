/** Which directories are the app's state, and where their volumes' roots are: the assignment, resolved on this machine. */
import { realpathSync } from 'node:fs'
import path from 'node:path'
import type { Assignment } from '../../shared/sidecar-contract.ts'
import type { FileEntry } from '../../shared/repository/entry.ts'
import { pathInRoot, rootOf } from '../../shared/repository/entry.ts'
import { createExclude } from './exclude.ts'

export interface StateRoot {
  /** As declared; what versions and people call it. */
  readonly path: string
  /** `auto`: databases are noticed by what they begin with. */
  readonly as: 'auto' | 'files' | 'sqlite'
  /** Where it lies on this machine. */
  readonly at: string
  /** True for a path below this root that the declaration excludes. */
  readonly excludes: (pathInRoot: string) => boolean
}

export interface VolumeRoot {
  readonly at: string
  readonly sizeLimitBytes: number | null
  readonly memory: boolean
}

export interface Layout {
  readonly roots: readonly StateRoot[]
  /** Volumes that carry a mark; none outside of pods, where the directory is the user's own. */
  readonly volumes: readonly VolumeRoot[]
}

/** A version's mark, in the root of each volume. */
export const MARK_NAME = '.holdfast'
/** Files that a restore is writing; one that a crash left behind is no part of the state. */
const TEMPORARY = /^\.holdfast-[0-9a-f]{16}\.tmp$/

export function temporaryName(random: string): string {
  return `.holdfast-${random}.tmp`
}

export function isTemporaryName(baseName: string): boolean {
  return TEMPORARY.test(baseName)
}

/** @param rootDir prefix below which absolute paths are found; empty in a pod, the pod's folder outside of one. */
export function layoutOfAssignment(assignment: Assignment, rootDir: string): Layout {
  return {
    roots: assignment.paths.map(({ path: declared, at, as, exclude }) => ({
      path: declared,
      as,
      at: underMount(assignment, rootDir, at),
      excludes: createExclude(exclude),
    })),
    volumes: assignment.volumes.map((volume) => ({ ...volume, at: realDir(rootDir + volume.at) })),
  }
}

/** A mount point may be reached by a symbolic link, below it none is followed. */
function underMount(assignment: Assignment, rootDir: string, at: string): string {
  const mounts = assignment.volumes
    .map((volume) => volume.at)
    .filter((mount) => isWithin(at, mount))
  const mount = mounts.toSorted((a, b) => b.length - a.length)[0]
  if (mount === undefined) return rootDir + at
  return path.join(realDir(rootDir + mount), path.relative(mount, at))
}

/** A mount point that is not there (yet) is reported by the scan, not here. */
function realDir(dir: string): string {
  try {
    return realpathSync(dir)
  } catch {
    return path.resolve(dir)
  }
}

export function layoutOfDirectories(dirs: readonly string[], exclude: readonly string[]): Layout {
  const excludes = createExclude(exclude)
  return {
    roots: dirs.map((dir) => ({ path: dir, as: 'auto', at: realDir(dir), excludes })),
    volumes: [],
  }
}

/** Where an entry lies on this machine. */
export function locationOf(layout: Layout, name: string): string {
  const root = layout.roots[rootOf(name)]
  if (root === undefined) throw new RangeError(`entry ${name} lies under no declared path`)
  const below = pathInRoot(name)
  return below === '' ? root.at : `${root.at}/${below}`
}

/** The entry that lies there; undefined where that is below no declared path. */
export function nameOf(layout: Layout, location: string): string | undefined {
  const index = layout.roots.findIndex(({ at }) => isWithin(location, at))
  const root = layout.roots[index]
  return root === undefined ? undefined : String(index) + location.slice(root.at.length)
}

/** As people call an entry: its declared path and what is below. */
export function displayPath(roots: readonly { readonly path: string }[], name: string): string {
  const below = pathInRoot(name)
  const root = roots[rootOf(name)]?.path ?? `path ${rootOf(name)}`
  return below === '' ? root : `${root}/${below}`
}

/** What SQLite keeps beside a database: part of its state while it is open, stale after a restore. */
export const SQLITE_SIDE_FILES = ['-wal', '-shm', '-journal'] as const

/** Is this a database, with a log and a journal beside it? Older versions say so of none, but a declaration may. */
export function isDatabase(layout: Layout, { name, database }: FileEntry): boolean {
  const isDeclared = pathInRoot(name) === '' && layout.roots[rootOf(name)]?.as === 'sqlite'
  return database === true || isDeclared
}

/** The name that a database must have for this to be its log, index or journal. */
export function databaseBeside(name: string): string | undefined {
  const suffix = SQLITE_SIDE_FILES.find((each) => name.endsWith(each))
  const database = name.slice(0, -(suffix?.length ?? 0))
  return suffix === undefined || database.endsWith('/') ? undefined : database
}

export function isWithin(inner: string, outer: string): boolean {
  return inner === outer || inner.startsWith(outer.endsWith('/') ? outer : `${outer}/`)
}

/** Where the parts of a version go below the directory that the user named. */
import { lstatSync, mkdirSync, statSync } from 'node:fs'
import path from 'node:path'
import type { Layout } from '../agent/volume/layout.ts'
import { HoldfastError, UsageError } from '../shared/errors.ts'
import type { VersionRecord } from '../shared/repository/log-record.ts'
import type { Manifest } from '../shared/repository/manifest.ts'
import { realPath, refuseStore } from './source-paths.ts'

/** The directory, absolute. Throws `UsageError` for one that is nobody's to empty. */
export function targetDirectory(to: string, storeUrl: string, home: string): string {
  const directory = realPath(path.resolve(to))
  if (directory === '/' || directory === realPath(home))
    throw new UsageError(
      `--to ${directory} would remove everything there that the version does not have: name a directory of its own`,
    )
  refuseStore(directory, storeUrl, `--to ${directory}`)
  if (statSync(directory, { throwIfNoEntry: false })?.isDirectory() === false)
    throw new UsageError(`--to ${directory} is a file: name a directory`)
  return directory
}

/**
 * One declared path: its content into the directory itself. Several: into `<directory>/<path without the leading
 * slash>`. One that is a file: into `<directory>/<its base name>`.
 * Throws a `HoldfastError` for a version whose paths lead out of the directory.
 */
export function layoutInto(directory: string, record: VersionRecord, manifest: Manifest): Layout {
  const { roots } = record
  return {
    volumes: [],
    roots: roots.map(({ path: declared, as }, index) => {
      requireInside(declared)
      const isDirectory = (manifest.entries.get(String(index))?.type ?? 'directory') === 'directory'
      const below = roots.length > 1 ? declared : isDirectory ? '' : path.basename(declared)
      return { path: declared, as, at: path.join(directory, below), excludes: () => false }
    }),
  }
}

function requireInside(declared: string): void {
  const isPlain = declared.startsWith('/') && path.posix.normalize(declared) === declared
  if (isPlain && declared !== '/' && !declared.includes('\0')) return
  if (declared === '/') return
  throw new HoldfastError(
    `the version says that it is of ${JSON.stringify(declared)}, which is no absolute path: it was not made by holdfast, and is not restored`,
  )
}

/** Makes the directories above the declared paths. Throws where something else is in the way, a link above all. */
export function makeParents(directory: string, { roots }: Layout): void {
  for (const { at } of roots) {
    if (at === directory) {
      mkdirSync(path.dirname(directory), { recursive: true })
      continue
    }
    mkdirSync(directory, { recursive: true })
    const steps = path.relative(directory, path.dirname(at)).split('/').filter(Boolean)
    let parent = directory
    for (const step of steps) {
      parent = path.join(parent, step)
      const stat = lstatSync(parent, { throwIfNoEntry: false })
      if (stat === undefined) mkdirSync(parent)
      else if (!stat.isDirectory())
        throw new HoldfastError(`${parent} is no directory: nothing is written through it`)
    }
  }
}

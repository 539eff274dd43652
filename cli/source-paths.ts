/** The directories to ship, as they are declared: absolute, none inside another, none around the store itself. */
import { realpathSync } from 'node:fs'
import path from 'node:path'
import { isWithin } from '../agent/volume/layout.ts'
import { UsageError } from '../shared/errors.ts'
import { parseStoreUrl } from '../shared/object-store/store-url.ts'

/** Throws `UsageError` when there is none. */
export function resolvePaths(paths: readonly string[]): string[] {
  if (paths.length === 0)
    throw new UsageError('no --path is given: name the directory, or the file, to ship')
  return paths.map((given) => path.resolve(given))
}

/** Throws `UsageError` for paths that hold one another, and for one that holds the store or lies in it. */
export function refuseOverlaps(paths: readonly string[], storeUrl: string): void {
  for (const [i, one] of paths.entries())
    for (const other of paths.slice(0, i))
      if (overlap(one, other))
        throw new UsageError(
          `--path ${one} and --path ${other} lie in each other: a file in both would stand twice in a version; name one of them`,
        )
  for (const one of paths) refuseStore(one, storeUrl, `--path ${one}`)
}

/** A store inside a directory that is shipped would grow with each version of itself; one that is restored over would be gone. */
export function refuseStore(directory: string, storeUrl: string, named: string): void {
  const location = parseStoreUrl(storeUrl)
  if (location.kind !== 'file') return
  if (overlap(realPath(directory), realPath(location.directory)))
    throw new UsageError(
      `${named} and the store ${location.directory} lie in each other: keep the repository elsewhere`,
    )
}

function overlap(a: string, b: string): boolean {
  return isWithin(a, b) || isWithin(b, a)
}

/** Symbolic links on the way resolved, as far as the path is there. */
export function realPath(location: string): string {
  try {
    return realpathSync(location)
  } catch {
    const parent = path.dirname(location)
    return parent === location ? location : path.join(realPath(parent), path.basename(location))
  }
}

/** Entries carry the index of their declared path; a declaration that changed numbers its paths anew. */
import type { Entry, FileEntry } from '../../shared/repository/entry.ts'
import { rootOf } from '../../shared/repository/entry.ts'
import type { Manifest } from '../../shared/repository/manifest.ts'

type Roots = readonly { readonly path: string }[]

export function sameRoots(a: Roots, b: Roots): boolean {
  return a.length === b.length && a.every(({ path }, i) => path === b[i]?.path)
}

/** The manifest as the roots `to` would have it: what lies under paths that are declared no more is left out. */
export function remapRoots(manifest: Manifest, from: Roots, to: Roots): Manifest {
  if (sameRoots(from, to)) return manifest
  const index = from.map(({ path }) => to.findIndex((root) => root.path === path))
  const rename = (name: string): string | undefined => {
    const now = index[rootOf(name)]
    return now === undefined || now < 0 ? undefined : name.replace(/^\d+/, String(now))
  }
  const entries = new Map<string, Entry>()
  for (const entry of manifest.entries.values()) {
    const name = rename(entry.name)
    if (name === undefined) continue
    entries.set(name, entry.type === 'file' ? renameFile(entry, name, rename) : { ...entry, name })
  }
  const faults = manifest.faults.flatMap((fault) => {
    const name = rename(fault.name)
    return name === undefined ? [] : { ...fault, name }
  })
  return { entries, faults }
}

/** A hard link whose first name is declared no more is a file of its own: it has its chunks anyway. */
function renameFile(
  entry: FileEntry,
  name: string,
  rename: (name: string) => string | undefined,
): FileEntry {
  const { hardLinkOf, ...file } = entry
  const link = hardLinkOf === undefined ? undefined : rename(hardLinkOf)
  return { ...file, name, ...(link !== undefined && { hardLinkOf: link }) }
}

/** Indexes in `roots` of the paths that a version knows: nothing below the others is touched by restoring it. */
export function knownRoots(version: Roots, roots: Roots): Set<number> {
  return new Set(
    roots.flatMap(({ path }, i) => (version.some((root) => root.path === path) ? i : [])),
  )
}

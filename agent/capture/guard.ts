/**
 * An empty, missing, unreadable or swapped volume never commits "everything deleted". Pure; undefined: go on,
 * else the sentence that says why nothing is committed. What was never there may stay away: a fresh volume is empty.
 */
import type { Layout } from '../volume/layout.ts'
import type { Findings } from './scanner.ts'

/** Device and inode of each volume's root, by its path: another one there is another volume. */
export type VolumeIdentity = ReadonlyMap<string, string>

/**
 * @param held the version that is extended, as far as its declared paths go.
 * @param content of the version that is extended (or an earlier look at the volume), and of the next one.
 */
export function whyNotCommit(
  layout: Layout,
  held: { has(name: string): boolean },
  findings: Findings,
  content: { readonly before: boolean; readonly after: boolean },
  identity: { readonly atStart: VolumeIdentity; readonly now: VolumeIdentity },
): string | undefined {
  for (const [volume, id] of identity.atStart)
    if (identity.now.get(volume) !== id)
      return `the volume at ${volume} is not the one that was there at the start: nothing is committed until it is back`
  for (const index of findings.missingRoots)
    if (held.has(String(index)))
      return `${layout.roots[index]?.path} is missing, though versions have it: nothing is committed until it is back`
  if (content.before && !content.after && findings.unreadable.length === 0)
    return `${layout.roots.map((root) => root.path).join(', ')} is empty, though the last version has files: nothing is committed until something is there; if it is meant to be empty, pin "fresh"`
  for (const { name, why } of findings.unreadable)
    if (!name.includes('/') && held.has(name))
      return `${layout.roots[Number(name)]?.path} cannot be read (${why}): nothing is committed until it can`
  return undefined
}

/** Anything but declared paths themselves, when these are directories. */
export function hasContent(
  entries: Iterable<{ readonly name: string; readonly type: string }>,
): boolean {
  for (const entry of entries)
    if (entry.type !== 'directory' || entry.name.includes('/')) return true
  return false
}

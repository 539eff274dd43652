/**
 * Between scan and read, a hard link's first name may go, become another file, or be read at another moment. A
 * version says of every link the same as of its first name; where that is no more, the link is a file of its own.
 */
import type { Entry, FileEntry } from '../../shared/repository/entry.ts'
import { sameContent } from '../../shared/repository/entry.ts'
import type { EntryTable } from '../../shared/repository/entry-table.ts'
import type { HeldVersion } from './held-version.ts'

/** What a capture has found so far. */
export interface Found {
  readonly changed: EntryTable
  readonly gone: ReadonlySet<string>
  readonly refreshed: EntryTable
  offer(entry: Entry): void
}

export function mendLinks(held: HeldVersion, found: Found, links: Iterable<string>): void {
  const { changed, gone, refreshed } = found
  const entryNow = (name: string) =>
    gone.has(name)
      ? undefined
      : (changed.get(name) ?? refreshed.get(name) ?? held.entries.get(name))
  if (changed.size + refreshed.size + gone.size === 0) return
  const isTouched = (name: string) => gone.has(name) || changed.has(name) || refreshed.has(name)
  for (const name of new Set([...held.links.keys(), ...links])) {
    if (!isTouched(name) && !isTouched(held.links.get(name) ?? name)) continue
    const link = entryNow(name)
    if (link?.type !== 'file' || link.hardLinkOf === undefined) continue
    const mended = mendedLink(link, entryNow(link.hardLinkOf))
    if (mended !== link) found.offer(mended)
  }
}

function mendedLink(link: FileEntry, first: Entry | undefined): FileEntry {
  const isThere = first?.type === 'file' && first.hardLinkOf === undefined
  if (isThere && sameContent(first, link)) return link
  if (isThere && first.inode === link.inode)
    return { ...first, name: link.name, hardLinkOf: first.name }
  const { hardLinkOf: _gone, ...own } = link
  return own
}

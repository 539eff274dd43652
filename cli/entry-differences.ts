/** What differs between two versions' entries. Pure. */
import type { Entry } from '../shared/repository/entry.ts'
import { sameAttributes, sameContent } from '../shared/repository/entry.ts'

export interface Difference {
  readonly path: string
  /** `metadata`: mode, owner, time or attributes, and nothing else. */
  readonly kind: 'added' | 'removed' | 'content' | 'metadata'
  /** What it is now, or was last. */
  readonly type: Entry['type']
  /** Of files; null for everything else, and where there is none. */
  readonly bytesBefore: number | null
  readonly bytesAfter: number | null
}

/** Sorted by path. */
export function differences(
  before: ReadonlyMap<string, Entry>,
  after: ReadonlyMap<string, Entry>,
): Difference[] {
  const found: Difference[] = []
  for (const [path, entry] of after) {
    const old = before.get(path)
    const kind = old === undefined ? 'added' : changeOf(old, entry)
    if (kind !== undefined) found.push(difference(path, kind, old, entry))
  }
  for (const [path, entry] of before)
    if (!after.has(path)) found.push(difference(path, 'removed', entry, undefined))
  return found.toSorted((a, b) => (a.path < b.path ? -1 : 1))
}

function changeOf(before: Entry, after: Entry): 'content' | 'metadata' | undefined {
  if (!sameBytes(before, after)) return 'content'
  const sameMetadata =
    (before.mode === after.mode || after.type === 'symlink') &&
    before.uid === after.uid &&
    before.gid === after.gid &&
    before.mtimeNs === after.mtimeNs &&
    sameAttributes(before.attributes, after.attributes)
  return sameMetadata ? undefined : 'metadata'
}

function sameBytes(before: Entry, after: Entry): boolean {
  if (before.type === 'file') return after.type === 'file' && sameContent(before, after)
  if (before.type === 'symlink') return after.type === 'symlink' && before.target === after.target
  return after.type === 'directory'
}

function difference(
  path: string,
  kind: Difference['kind'],
  before: Entry | undefined,
  after: Entry | undefined,
): Difference {
  const type = after?.type ?? before?.type ?? 'file'
  return { path, kind, type, bytesBefore: bytesOf(before), bytesAfter: bytesOf(after) }
}

function bytesOf(entry: Entry | undefined): number | null {
  return entry?.type === 'file' ? entry.sizeBytes : null
}

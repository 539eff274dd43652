/** The entry that a row, its kind and its record stand for. */
import type { ChunkRef, Entry } from './entry.ts'
import type { RecordView } from './entry-record.ts'
import type { RowData } from './entry-rows.ts'
import type { Kind } from './kind-registry.ts'

export function entryOf(
  name: string,
  row: RowData,
  kind: Kind,
  record: RecordView,
  chunks: readonly ChunkRef[],
): Entry {
  if (kind.type !== 'file' || !kind.usual || record.hasRest)
    return unusualOf(name, row, kind, record, chunks)
  // Nearly all are like this, and an object that is put together from others takes many times as long to make.
  const { type, mode, uid, gid } = kind
  const { sizeBytes, mtimeNs, ctimeNs, inode } = row
  return { name, mode, uid, gid, mtimeNs, ctimeNs, inode, type, sizeBytes, chunks }
}

function unusualOf(
  name: string,
  row: RowData,
  { type, mode, uid, gid, stale, unstable, database }: Kind,
  record: RecordView,
  chunks: readonly ChunkRef[],
): Entry {
  const { target = '', hardLinkOf, attributes, ...long } = record.rest
  const metadata = {
    name,
    mode,
    uid,
    gid,
    mtimeNs: long.mtimeNs === undefined ? row.mtimeNs : BigInt(long.mtimeNs),
    ctimeNs: long.ctimeNs === undefined ? row.ctimeNs : BigInt(long.ctimeNs),
    inode: long.inode === undefined ? row.inode : BigInt(long.inode),
    ...(stale && { stale }),
    ...(attributes !== undefined && { attributes: Object.fromEntries(attributes) }),
  }
  if (type === 'directory') return { ...metadata, type }
  if (type === 'symlink') return { ...metadata, type, target }
  return {
    ...metadata,
    type,
    sizeBytes: row.sizeBytes,
    chunks,
    ...(hardLinkOf !== undefined && { hardLinkOf }),
    ...(unstable && { unstable }),
    ...(database && { database }),
  }
}

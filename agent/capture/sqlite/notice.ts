/** Tells databases from other files by what they begin with, and what lies beside them as their own. */
import { closeSync, constants, lstatSync, openSync } from 'node:fs'
import { SQLITE_SIDE_FILES } from '../../volume/layout.ts'
import { fsPath } from '../../volume/raw-path.ts'
import type { ScannedEntry, SideFile } from '../scanner.ts'
import { HEADER_BYTES, MIN_PAGE_BYTES, isDatabaseHeader } from './header.ts'
import { readFully } from './read-fully.ts'

/**
 * Is this regular file a database? What cannot be opened is none, as far as is known. Not to be called while a snapshot
 * of the same file is held (see snapshot.ts).
 * @param sizeBytes whole pages: of files of other sizes, which most are, nothing is read.
 */
export function isDatabaseFile(location: string, sizeBytes: number): boolean {
  if (sizeBytes === 0 || sizeBytes % MIN_PAGE_BYTES !== 0) return false
  let fd: number | undefined
  try {
    const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK
    fd = openSync(fsPath(location), flags)
    const header = Buffer.alloc(HEADER_BYTES)
    return readFully(fd, header, 0) === HEADER_BYTES && isDatabaseHeader(header)
  } catch (error) {
    if (error instanceof Error && 'syscall' in error) return false
    throw error
  } finally {
    if (fd !== undefined) closeSync(fd)
  }
}

/**
 * A database and what lies beside it count as one file, which changed when any of it did. Of a log the mtime says when:
 * whoever only opens it as root gives it its owner anew, which moves the ctime, and an agent would follow itself.
 */
export function asDatabase(file: ScannedEntry, location: string): ScannedEntry {
  let { mtimeNs, ctimeNs } = file
  const beside: SideFile[] = []
  for (const suffix of SQLITE_SIDE_FILES) {
    const side = lstatSync(fsPath(location + suffix), { bigint: true, throwIfNoEntry: false })
    if (side === undefined) continue
    beside.push({ suffix, sizeBytes: Number(side.size) })
    if (suffix === '-shm') continue // readers write to it, too
    if (side.mtimeNs > mtimeNs) mtimeNs = side.mtimeNs
    const changedNs = suffix === '-wal' ? side.mtimeNs : side.ctimeNs
    if (changedNs > ctimeNs) ctimeNs = changedNs
  }
  return { ...file, mtimeNs, ctimeNs, database: true, beside }
}

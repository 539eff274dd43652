/** What was noticed as a database, and is read as a file like any other after all, with what lies beside it. */
import type { FileEntry } from '../../shared/repository/entry.ts'
import { rootOf } from '../../shared/repository/entry.ts'
import type { Layout } from '../volume/layout.ts'
import { SQLITE_SIDE_FILES } from '../volume/layout.ts'
import { Walker } from './scanner.ts'
import { metadataOf } from './snapshot-plan.ts'
import { DatabaseUnopenableError, NotADatabaseError } from './sqlite/database-error.ts'

/**
 * Where SQLite finds no database (it is encrypted, or broken), or cannot open one whose log is empty: then its file is
 * all of it. One that was declared to be a database is never read as a file.
 */
export function isPlain(layout: Layout, name: string, error: unknown): boolean {
  if (layout.roots[rootOf(name)]?.as === 'sqlite') return false
  if (error instanceof NotADatabaseError) return true
  const beside = new Walker(layout, { entry: () => undefined }).look(name)?.beside ?? []
  const hasLog = beside.some(({ suffix, sizeBytes }) => suffix !== '-shm' && sizeBytes > 0)
  return error instanceof DatabaseUnopenableError && !hasLog
}

/** Entries, without content, of what a scan took for parts of a database. */
export function filesBeside(layout: Layout, name: string): FileEntry[] {
  if (!name.includes('/')) return []
  const literal: Layout = {
    ...layout,
    roots: layout.roots.map((root) => ({ ...root, as: 'files' })),
  }
  const walker = new Walker(literal, { entry: () => undefined })
  return SQLITE_SIDE_FILES.flatMap((suffix) => {
    const file = walker.isState(name + suffix) ? walker.look(name + suffix) : undefined
    if (file?.type !== 'file') return []
    const { sizeBytes } = file
    return { ...metadataOf(file), type: 'file' as const, sizeBytes, chunks: [] }
  })
}

/**
 * A consistent copy of a live SQLite database, made by SQLite's own online backup: never by copying db, -wal and -shm
 * as files. The copy lies beside the database, under a name that is no part of the state, and is removed again.
 *
 * Closing any descriptor of a database drops all locks that this process holds on it (POSIX), so a file declared
 * `as: sqlite` is opened by SQLite alone while the app runs.
 */
import { createHash } from 'node:crypto'
import { rmSync } from 'node:fs'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { temporaryName } from '../volume/layout.ts'

/** How long a writer's lock is waited for. */
const BUSY_MS = 10_000
/** All pages in one step: a step that has to begin anew whenever the app commits might never end. */
const ALL_PAGES = 2 ** 31 - 1

/** The database cannot be read as one; its last version's copy is carried on. */
export class DatabaseUnreadableError extends Error {}

/**
 * Calls `use` with the location of the copy. The database is opened as its app would open it (a hot journal left by a
 * crash is rolled back), and never created.
 */
export async function withDatabaseCopy<T>(
  location: string,
  use: (copy: string) => Promise<T>,
): Promise<T> {
  const copy = copyLocation(location)
  removeCopy(copy)
  try {
    await backUp(location, copy)
    return await use(copy)
  } finally {
    removeCopy(copy)
  }
}

async function backUp(location: string, copy: string): Promise<void> {
  const { DatabaseSync, backup } = await import('node:sqlite')
  const url = pathToFileURL(location)
  url.searchParams.set('mode', 'rw')
  try {
    const database = new DatabaseSync(url, { timeout: BUSY_MS })
    try {
      await backup(database, copy, { rate: ALL_PAGES })
    } finally {
      database.close()
    }
  } catch (cause) {
    throw new DatabaseUnreadableError(cause instanceof Error ? cause.message : String(cause), {
      cause,
    })
  }
}

/** The same name each time: a crash leaves one copy at most, and the next one removes it. */
function copyLocation(location: string): string {
  const id = createHash('sha256').update(path.basename(location)).digest('hex').slice(0, 16)
  return path.join(path.dirname(location), temporaryName(id))
}

function removeCopy(copy: string): void {
  for (const suffix of ['', '-journal', '-wal', '-shm']) rmSync(copy + suffix, { force: true })
}

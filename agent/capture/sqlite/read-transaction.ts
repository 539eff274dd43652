/**
 * A read transaction of a connection of our own: what keeps a database's files still enough to be read as files.
 *
 * The connection is one as the app's are, though nothing is written by it: it rolls back what a crash left half
 * written, and if the app's last connection closes before ours, ours copies the log into the database and removes it,
 * as the app's would have. A read-only one would leave the log, and an app that closes its database to put another
 * file in its place would find the old log played into it.
 */
import type { DatabaseSync } from 'node:sqlite'
import type { Clock } from '../../../shared/clock.ts'
import { encodeName } from '../../volume/raw-path.ts'
import {
  DatabaseUnopenableError,
  DatabaseUnreadableError,
  NotADatabaseError,
} from './database-error.ts'

/** How long another's lock is waited for. */
const BUSY_MS = 10_000
const FIRST_WAIT_MS = 5
/** Short, to find the gaps between the transactions of a busy writer. */
const LONGEST_WAIT_MS = 25

/** SQLite's primary result codes that are met here. */
const BUSY = 5
const LOCKED = 6
const NO_DATABASE: readonly number[] = [11, 26] // SQLITE_CORRUPT, SQLITE_NOTADB
const UNOPENABLE: readonly number[] = [3, 8, 14] // SQLITE_PERM, SQLITE_READONLY, SQLITE_CANTOPEN

export interface ReadTransaction {
  readonly isLogged: boolean
  /** Ends the transaction; may be called again. */
  end(): void
}

/** Never creates the database. A lock is waited for without holding up this thread, for 10 s. */
export async function beginReading(location: string, clock: Clock): Promise<ReadTransaction> {
  const { DatabaseSync } = await import('node:sqlite')
  const url = urlOf(location)
  const deadline = clock.monotonicMs() + BUSY_MS
  for (let waitMs = FIRST_WAIT_MS; ; waitMs = Math.min(2 * waitMs, LONGEST_WAIT_MS)) {
    try {
      return begin(new DatabaseSync(url, { timeout: 0 }))
    } catch (error) {
      const code = resultCode(error)
      const isBusy = code === BUSY || code === LOCKED
      if (code === undefined) throw error
      if (!isBusy || clock.monotonicMs() >= deadline) throw sentenceFor(error, code)
    }
    await clock.sleep(waitMs)
  }
}

function begin(connection: DatabaseSync): ReadTransaction {
  try {
    connection.exec('BEGIN')
    connection.prepare('SELECT 1 FROM sqlite_master LIMIT 1').get()
    const mode = connection.prepare('PRAGMA journal_mode').get()?.['journal_mode']
    return {
      isLogged: mode === 'wal',
      end: () => {
        if (connection.isOpen) connection.close()
      },
    }
  } catch (error) {
    connection.close()
    throw error
  }
}

/** Of the name's bytes, which need not be UTF-8. */
function urlOf(location: string): URL {
  const escaped = Array.from(encodeName(location), (byte) =>
    byte === 0x2f ? '/' : `%${byte.toString(16).padStart(2, '0')}`,
  )
  return new URL(`file://${escaped.join('')}?mode=rw`)
}

/** SQLite's primary result code; undefined for an error that is not SQLite's. */
function resultCode(error: unknown): number | undefined {
  const code = error instanceof Error && 'errcode' in error ? error.errcode : undefined
  return typeof code === 'number' ? code & 0xff : undefined
}

function sentenceFor(cause: unknown, code: number): Error {
  const said = cause instanceof Error ? cause.message : String(cause)
  if (NO_DATABASE.includes(code)) return new NotADatabaseError(said, { cause })
  if (UNOPENABLE.includes(code)) return new DatabaseUnopenableError(said, { cause })
  if (code === BUSY || code === LOCKED)
    return new DatabaseUnreadableError(
      `${said}, and was for ${BUSY_MS / 1000} s: its app must let others read it ` +
        '(no locking_mode=EXCLUSIVE, no longer transactions)',
      { cause },
    )
  return new DatabaseUnreadableError(said, { cause })
}

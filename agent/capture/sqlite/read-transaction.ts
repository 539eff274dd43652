/**
 * A read transaction of a connection of our own: what keeps a database's files still enough to be read as files.
 *
 * Where there is a write-ahead log the connection is read-only: one that may write would copy the whole log into the
 * database and remove it, if the app's last connection happened to close before ours. Where there is none it may
 * write: a read-only one would leave the empty log that it makes, which the app might not be allowed to use. It may
 * also write where a crash left a rollback journal: SQLite has to play it back before anybody can read.
 */
import { existsSync } from 'node:fs'
import type { DatabaseSync } from 'node:sqlite'
import type { Clock } from '../../../shared/clock.ts'
import { encodeName, fsPath } from '../../volume/raw-path.ts'
import { DatabaseUnreadableError, NotADatabaseError } from './database-error.ts'

/** How long another's lock is waited for. */
const BUSY_MS = 10_000
const FIRST_WAIT_MS = 5
const LONGEST_WAIT_MS = 100

/** SQLite's primary result codes that are met here. */
const BUSY = 5
const LOCKED = 6
const READ_ONLY = 8
const CANNOT_OPEN = 14
const NOT_A_DATABASE = 26

export interface ReadTransaction {
  readonly isLogged: boolean
  /** Ends the transaction; may be called again. */
  end(): void
}

/** Never creates the database. A lock is waited for without holding up this thread, for 10 s. */
export async function beginReading(location: string, clock: Clock): Promise<ReadTransaction> {
  const { DatabaseSync } = await import('node:sqlite')
  const open = (mode: 'ro' | 'rw') => begin(new DatabaseSync(urlOf(location, mode), { timeout: 0 }))
  const deadline = clock.monotonicMs() + BUSY_MS
  for (let waitMs = FIRST_WAIT_MS; ; waitMs = Math.min(2 * waitMs, LONGEST_WAIT_MS)) {
    try {
      return openAsNeeded(location, open)
    } catch (error) {
      const code = resultCode(error)
      const isBusy = code === BUSY || code === LOCKED
      if (!isBusy || clock.monotonicMs() >= deadline) throw sentenceFor(error, code)
    }
    await clock.sleep(waitMs)
  }
}

function openAsNeeded(
  location: string,
  open: (mode: 'ro' | 'rw') => ReadTransaction,
): ReadTransaction {
  if (!existsSync(fsPath(`${location}-wal`))) return open('rw')
  try {
    return open('ro')
  } catch (error) {
    const code = resultCode(error)
    if (code === READ_ONLY || code === CANNOT_OPEN) return open('rw')
    throw error
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
function urlOf(location: string, mode: 'ro' | 'rw'): URL {
  const escaped = Array.from(encodeName(location), (byte) =>
    byte === 0x2f ? '/' : `%${byte.toString(16).padStart(2, '0')}`,
  )
  return new URL(`file://${escaped.join('')}?mode=${mode}`)
}

/** SQLite's primary result code; undefined for an error that is not SQLite's. */
function resultCode(error: unknown): number | undefined {
  const code = error instanceof Error && 'errcode' in error ? error.errcode : undefined
  return typeof code === 'number' ? code & 0xff : undefined
}

function sentenceFor(cause: unknown, code: number | undefined): Error {
  const said = cause instanceof Error ? cause.message : String(cause)
  if (code === NOT_A_DATABASE) return new NotADatabaseError(said, { cause })
  if (code === BUSY || code === LOCKED)
    return new DatabaseUnreadableError(
      `${said}, and was for ${BUSY_MS / 1000} s: its app must let others read it ` +
        '(no locking_mode=EXCLUSIVE, no longer transactions)',
      { cause },
    )
  return new DatabaseUnreadableError(said, { cause })
}

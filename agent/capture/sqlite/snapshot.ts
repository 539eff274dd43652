/**
 * A live SQLite database as it was at one moment, read from its files without a copy of it.
 *
 * A read transaction of our own is held meanwhile. With a rollback journal, its lock keeps writers out of the database
 * file. With a write-ahead log nobody waits: the snapshot is the database file with the newest committed frame of each
 * page laid over it, where the wal-index says, after the transaction has begun, which frames are committed. It holds
 * because
 * - a checkpoint copies frames only up to our read mark, and those lie over the file: a page that it is writing is
 *   never taken from there. Frames beyond our mark, committed meanwhile, are as good as those before it;
 * - the log is begun anew only when all of its frames have been copied and no reader needs them. Either our mark
 *   forbids that, or the log was all in the database file when our transaction began (SQLite's read mark 0), which
 *   then keeps checkpoints from writing to it. If the index shows that all has been copied, the file alone is the
 *   snapshot; if not, it stays so, and the log is not begun anew.
 *
 * Closing any descriptor of a file drops all locks that this process holds on it (POSIX). So the descriptors are
 * closed after the connection, and **nothing else in this process, in any thread, may open the database or its -shm
 * while a snapshot is held**. If it happens all the same, a writer that it let in is noticed at the end.
 */
import type { BigIntStats } from 'node:fs'
import { closeSync, constants, fstatSync, openSync, statSync } from 'node:fs'
import type { Clock } from '../../../shared/clock.ts'
import { systemClock } from '../../../shared/clock.ts'
import { fsPath } from '../../volume/raw-path.ts'
import { doubtfulSinceNs } from '../doubt.ts'
import { DatabaseUnreadableError, NotADatabaseError } from './database-error.ts'
import { HEADER_BYTES, looksLikeDatabase } from './header.ts'
import type { DatabaseImage, DatabaseSnapshot } from './database-image.ts'
import { loggedImage } from './logged-image.ts'
import { plainImage } from './plain-image.ts'
import { readFully } from './read-fully.ts'
import type { ReadTransaction } from './read-transaction.ts'
import { beginReading } from './read-transaction.ts'

/** With a rollback journal, writers wait for us this long at most: 5 s, and 10 s for each GiB. */
const HOLD_MS = 5_000
const HOLD_MS_PER_BYTE = 10_000 / 2 ** 30
/** With a log only its emptying waits, so that it grows meanwhile. */
const LOGGED_PATIENCE = 20
/** The app may replace the database by another file just when it is opened. */
const OPENINGS = 3

/**
 * Calls `use` with a snapshot, which ends when `use` does. What `use` gives back may be relied on only when this
 * resolves: that the snapshot was left alone is checked last.
 *
 * @throws NotADatabaseError: empty, encrypted or something else; it can be read like any file.
 * @throws DatabaseUnreadableError: locked for more than 10 s, held longer than writers can be asked to wait, or
 * something that SQLite says. Errors of the file system are thrown as they are.
 */
export async function withDatabaseSnapshot<T>(
  location: string,
  use: (snapshot: DatabaseSnapshot) => Promise<T> | T,
  clock: Clock = systemClock,
): Promise<T> {
  for (let openings = 1; ; openings += 1) {
    const descriptors: number[] = []
    let transaction: ReadTransaction | undefined
    try {
      const database = open(location, descriptors)
      requireDatabase(database, location)
      transaction = await beginReading(location, clock)
      if (isNamedBy(location, database))
        return await useHeld(
          imageOf(location, database, transaction, descriptors, doubtfulSinceNs(clock.now())),
          transaction,
          clock,
          use,
        )
      if (openings === OPENINGS)
        throw new DatabaseUnreadableError(
          `it was replaced by another file each of the ${OPENINGS} times that it was opened`,
        )
    } finally {
      transaction?.end()
      for (const fd of descriptors) closeSync(fd)
    }
  }
}

function open(location: string, descriptors: number[]): number {
  // O_NONBLOCK: a FIFO that took the file's place must not hold us.
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK
  const fd = openSync(fsPath(location), flags)
  descriptors.push(fd)
  return fd
}

/** A journal may hold a first page that a crash has torn, so SQLite decides where there is one. */
function requireDatabase(fd: number, location: string): void {
  const header = Buffer.alloc(HEADER_BYTES)
  const length = readFully(fd, header, 0)
  if (length === HEADER_BYTES && looksLikeDatabase(header)) return
  if (length > 0 && hasContent(`${location}-journal`)) return
  throw new NotADatabaseError(
    length === 0
      ? 'it is empty: no database has been written to it yet'
      : 'it does not begin as an SQLite database does: it is encrypted, or something else',
  )
}

function hasContent(location: string): boolean {
  return (statSync(fsPath(location), { throwIfNoEntry: false })?.size ?? 0) > 0
}

function isNamedBy(location: string, fd: number): boolean {
  const held = fstatSync(fd, { bigint: true })
  const named: BigIntStats | undefined = statSync(fsPath(location), {
    bigint: true,
    throwIfNoEntry: false,
  })
  return named?.ino === held.ino && named.dev === held.dev
}

function imageOf(
  location: string,
  database: number,
  transaction: ReadTransaction,
  descriptors: number[],
  provesSinceNs: bigint,
): DatabaseImage {
  if (!transaction.isLogged) return plainImage(database, provesSinceNs)
  const log = open(`${location}-wal`, descriptors)
  const index = open(`${location}-shm`, descriptors)
  return loggedImage({ database, log, index }, provesSinceNs)
}

/** Lets the writers go when time is up, whether or not `use` is ready. */
async function useHeld<T>(
  image: DatabaseImage,
  transaction: ReadTransaction,
  clock: Clock,
  use: (snapshot: DatabaseSnapshot) => Promise<T> | T,
): Promise<T> {
  const patience = transaction.isLogged ? LOGGED_PATIENCE : 1
  const holdMs = patience * (HOLD_MS + image.sizeBytes * HOLD_MS_PER_BYTE)
  const deadline = clock.monotonicMs() + holdMs
  let isHeld = true
  const letGo = () => {
    isHeld = false
    transaction.end()
  }
  const requireHeld = () => {
    if (clock.monotonicMs() >= deadline) letGo()
    if (isHeld) return
    throw new DatabaseUnreadableError(
      `reading it took more than ${Math.round(holdMs / 1000)} s, and its app is not kept waiting longer`,
    )
  }
  const timer = setTimeout(letGo, holdMs)
  try {
    const result = await use({
      ...image,
      read: (into, position) => {
        requireHeld()
        image.read(into, position)
      },
    })
    requireHeld()
    if (!image.isStill())
      throw new DatabaseUnreadableError('it was written to while it was read, in spite of our lock')
    return result
  } finally {
    clearTimeout(timer)
  }
}

/** A database of random rows, and the app that changes some of them. */
import { randomBytes, randomInt } from 'node:crypto'
import { statSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'

const ROW_BYTES = 1000
const ROWS_PER_COMMIT = 20_000
const WAL_HEADER_BYTES = 32
const FRAME_HEADER_BYTES = 24

/** Rows of about 1 KB of random bytes, in WAL mode, until the file has `bytes`. */
export function makeDatabase(file: string, bytes: number): void {
  const database = new DatabaseSync(file)
  database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF')
  database.exec('CREATE TABLE rows (id INTEGER PRIMARY KEY, body BLOB NOT NULL)')
  const insert = database.prepare('INSERT INTO rows (body) VALUES (?)')
  while (sizeOf(database) < bytes) {
    database.exec('BEGIN')
    for (let row = 0; row < ROWS_PER_COMMIT; row += 1) insert.run(randomBytes(ROW_BYTES))
    database.exec('COMMIT; PRAGMA wal_checkpoint(TRUNCATE)')
  }
  database.close()
}

function sizeOf(database: DatabaseSync): number {
  return pragma(database, 'page_count') * pragma(database, 'page_size')
}

function pragma(database: DatabaseSync, name: string): number {
  return Number(Object.values(database.prepare(`PRAGMA ${name}`).get() ?? {})[0])
}

/** The app with its database open. */
export class DatabaseApp {
  readonly #file: string
  readonly #database: DatabaseSync

  constructor(file: string) {
    this.#file = file
    this.#database = new DatabaseSync(file)
    this.#database.exec('PRAGMA wal_checkpoint(TRUNCATE)')
  }

  /**
   * Gives random rows new contents in one transaction, then checkpoints, as an app does sooner or later: from then on
   * the change is in the database file itself. Answers when the commit returned, and how many bytes of pages changed.
   */
  changeRows(count: number): { committedAtMs: number; changedBytes: number } {
    const database = this.#database
    const last = Object.values(database.prepare('SELECT max(id) FROM rows').get() ?? {})[0]
    const update = database.prepare('UPDATE rows SET body = ? WHERE id = ?')
    database.exec('BEGIN')
    for (let row = 0; row < count; row += 1)
      update.run(randomBytes(ROW_BYTES), 1 + randomInt(Number(last)))
    database.exec('COMMIT')
    const committedAtMs = performance.now()
    const pageBytes = pragma(database, 'page_size')
    const walBytes = statSync(`${this.#file}-wal`).size - WAL_HEADER_BYTES
    database.exec('PRAGMA wal_checkpoint(TRUNCATE)')
    return {
      committedAtMs,
      changedBytes: (walBytes / (pageBytes + FRAME_HEADER_BYTES)) * pageBytes,
    }
  }

  close(): void {
    this.#database.close()
  }
}

import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import {
  DatabaseUnreadableError,
  NotADatabaseError,
} from '../../../../agent/capture/sqlite/database-error.ts'
import { looksLikeDatabase } from '../../../../agent/capture/sqlite/header.ts'
import { withDatabaseSnapshot } from '../../../../agent/capture/sqlite/snapshot.ts'
import type { Clock } from '../../../../shared/clock.ts'
import { systemClock } from '../../../../shared/clock.ts'
import { App, examine, readAll } from './app.ts'

const TABLE = `create table t (id integer primary key, n integer, note blob)`
const FILL = `with recursive c(i) as (select 1 union all select i + 1 from c where i < 2000)
  insert into t (n, note) select 1, randomblob(200) from c`
const SUM = 'select sum(n) from t'

let dir: string
let database: string
let app: App

beforeEach(async () => {
  dir = fs.mkdtempSync(path.join(os.tmpdir(), 'holdfast-sqlite-'))
  database = path.join(dir, 'app.db')
  app = await App.at(database)
})
afterEach(async () => {
  await app.kill()
  fs.rmSync(dir, { recursive: true })
})

/** Writes out what a snapshot holds, and looks at it through SQLite. */
function examineBytes(bytes: Buffer): { check: unknown; value: unknown } {
  const copy = path.join(dir, 'copy.db')
  fs.writeFileSync(copy, bytes)
  try {
    return examine(copy, SUM)
  } finally {
    for (const suffix of ['', '-wal', '-shm']) fs.rmSync(copy + suffix, { force: true })
  }
}

/** A clock that the test turns: each wait takes `stepMs`, and runs `during` first. */
function turnedClock(stepMs: number, during: () => Promise<unknown> = async () => undefined) {
  let ms = 0
  return {
    ...systemClock,
    monotonicMs: () => ms,
    turn: (by: number) => {
      ms += by
    },
    sleep: async () => {
      ms += stepMs
      await during()
    },
  } satisfies Clock & { turn(by: number): void }
}

test.each([
  { journal: 'wal', pageBytes: 512 },
  { journal: 'wal', pageBytes: 65_536 },
  { journal: 'delete', pageBytes: 4096 },
  { journal: 'delete', pageBytes: 65_536 },
])('pages of $pageBytes bytes ($journal)', async ({ journal, pageBytes }) => {
  await app.run(`pragma page_size=${pageBytes}; pragma journal_mode=${journal}; ${TABLE}; ${FILL}`)
  const snapshot = await withDatabaseSnapshot(database, (held) => {
    // Reads that begin and end within pages give the same bytes.
    expect(readAll(held, 999).equals(readAll(held))).toBe(true)
    return { pageBytes: held.pageBytes, sizeBytes: held.sizeBytes, bytes: readAll(held) }
  })
  expect(snapshot.pageBytes).toBe(pageBytes)
  expect(snapshot.sizeBytes % pageBytes).toBe(0)
  expect(looksLikeDatabase(snapshot.bytes)).toBe(true)
  expect(examineBytes(snapshot.bytes)).toEqual({ check: 'ok', value: 2000 })
})

test('what the app commits and checkpoints while a snapshot is read is not in it, and neither waits', async () => {
  await app.run(`pragma journal_mode=wal; pragma wal_autocheckpoint=0; ${TABLE}; ${FILL}`)
  const [first, second] = await withDatabaseSnapshot(database, async (snapshot) => {
    const before = readAll(snapshot)
    expect(await app.run('update t set n = 2, note = randomblob(300)')).toBe('done')
    expect(await app.run('pragma wal_checkpoint(passive)')).toMatchObject([{ busy: 0 }])
    expect(await app.run('delete from t where id > 10; vacuum')).toBe('done')
    await app.run('pragma wal_checkpoint(passive)')
    return [before, readAll(snapshot)]
  })
  expect(second.equals(first)).toBe(true)
  expect(examineBytes(second)).toEqual({ check: 'ok', value: 2000 })
  expect(await app.run('pragma wal_checkpoint(truncate)')).toMatchObject([{ busy: 0 }])
  const later = await withDatabaseSnapshot(database, (snapshot) => readAll(snapshot))
  expect(examineBytes(later)).toEqual({ check: 'ok', value: 20 })
})

test('a log that is begun anew while a snapshot is read, since all of it had been copied, does not show in it', async () => {
  await app.run(`pragma journal_mode=wal; pragma wal_autocheckpoint=1; ${TABLE}; ${FILL}`)
  await app.run('pragma wal_checkpoint(full)')
  const saltsOf = () => fs.readFileSync(`${database}-wal`).toString('hex', 16, 24)
  const [first, second] = await withDatabaseSnapshot(database, async (snapshot) => {
    const salts = saltsOf()
    const half = Buffer.alloc(snapshot.sizeBytes)
    snapshot.read(half.subarray(0, 8192), 0)
    const file = fs.statSync(database).mtimeMs
    expect(await app.run('update t set n = 2, note = randomblob(300)')).toBe('done')
    expect(await app.run('update t set n = 3')).toBe('done')
    expect(saltsOf()).not.toBe(salts)
    await app.run('pragma wal_checkpoint(full)')
    expect(fs.statSync(database).mtimeMs, 'the database file is left alone').toBe(file)
    snapshot.read(half.subarray(8192), 8192)
    return [half, readAll(snapshot)]
  })
  expect(second.equals(first)).toBe(true)
  expect(examineBytes(second)).toEqual({ check: 'ok', value: 2000 })
})

test('a log emptied by a truncating checkpoint while a snapshot is read does not show in it', async () => {
  await app.run(`pragma journal_mode=wal; ${TABLE}; ${FILL}; pragma wal_checkpoint(full)`)
  const bytes = await withDatabaseSnapshot(database, async (snapshot) => {
    await app.run('pragma wal_checkpoint(truncate)')
    await app.run('update t set n = 2')
    await app.run('pragma wal_checkpoint(truncate)')
    return readAll(snapshot)
  })
  expect(examineBytes(bytes)).toEqual({ check: 'ok', value: 2000 })
})

test('a log that a killed app left is read, and then closed as the app would have', async () => {
  await app.run(`pragma journal_mode=wal; pragma wal_autocheckpoint=0; ${TABLE}`)
  await app.run('pragma wal_checkpoint(full)')
  await app.run(FILL)
  await app.kill()
  const bytes = await withDatabaseSnapshot(database, (snapshot) => readAll(snapshot))
  expect(examineBytes(bytes)).toEqual({ check: 'ok', value: 2000 })
  expect(fs.readdirSync(dir)).toEqual(['app.db'])
  expect(fs.readFileSync(database).equals(bytes)).toBe(true)
})

test('frames that a killed writer left behind the last commit are not taken for committed', async () => {
  await app.run(`pragma journal_mode=wal; pragma wal_autocheckpoint=0; ${TABLE}; ${FILL}`)
  const other = path.join(dir, 'other.db')
  for (const suffix of ['', '-wal']) fs.copyFileSync(database + suffix, other + suffix)
  const writer = await App.at(other)
  await writer.run('pragma wal_autocheckpoint=0; update t set n = 5')
  // The frames go on from the last commit, with a commit of their own, but no index knows them.
  const known = fs.statSync(`${database}-wal`).size
  const left = fs.readFileSync(`${other}-wal`).subarray(known)
  expect(left.length).toBeGreaterThan(0)
  fs.appendFileSync(`${database}-wal`, left)
  await writer.kill()
  const bytes = await withDatabaseSnapshot(database, async (snapshot) => {
    await app.run('update t set n = 7')
    return readAll(snapshot)
  })
  expect(examineBytes(bytes)).toEqual({ check: 'ok', value: 2000 })
})

test('a transaction that a killed app had half written is rolled back first', async () => {
  await app.run(`pragma journal_mode=delete; ${TABLE}; ${FILL}`)
  const before = fs.readFileSync(database)
  await app.run('pragma cache_size=5; begin; update t set n = 2, note = randomblob(200)')
  await app.kill()
  expect(fs.existsSync(`${database}-journal`)).toBe(true)
  expect(fs.readFileSync(database).equals(before), 'half written').toBe(false)
  const bytes = await withDatabaseSnapshot(database, (snapshot) => readAll(snapshot))
  expect(bytes.equals(before)).toBe(true)
})

test('a database that nobody has open is read, and nothing is left beside it', async () => {
  await app.run(`pragma journal_mode=wal; ${TABLE}; ${FILL}`)
  await app.close()
  expect(fs.readdirSync(dir)).toEqual(['app.db'])
  const bytes = await withDatabaseSnapshot(database, (snapshot) => {
    expect(snapshot.pageBytes).toBe(4096)
    return readAll(snapshot)
  })
  expect(bytes.equals(fs.readFileSync(database))).toBe(true)
  expect(fs.readdirSync(dir)).toEqual(['app.db'])
})

test('an app that closes its last connection under a snapshot takes nothing from it, and finds no log left', async () => {
  await app.run(`pragma journal_mode=wal; pragma wal_autocheckpoint=0; ${TABLE}; ${FILL}`)
  const bytes = await withDatabaseSnapshot(database, async (snapshot) => {
    await app.close()
    return readAll(snapshot)
  })
  expect(examineBytes(bytes)).toEqual({ check: 'ok', value: 2000 })
  expect(fs.readdirSync(dir)).toEqual(['app.db'])
})

test('a database whose app lets nobody read is said to be locked, after 10 s', async () => {
  await app.run(`pragma locking_mode=exclusive; ${TABLE}; begin exclusive`)
  const clock = turnedClock(1000)
  await expect(withDatabaseSnapshot(database, readAll, clock)).rejects.toThrow(
    /database is locked, and was for 10 s: its app must let others read it/,
  )
  await expect(withDatabaseSnapshot(database, readAll, clock)).rejects.toThrow(
    DatabaseUnreadableError,
  )
  expect(clock.monotonicMs()).toBe(20_000)
})

test('a lock that is given back in time is waited for', async () => {
  await app.run(`${TABLE}; ${FILL}; begin exclusive; update t set n = 2`)
  let waits = 0
  const clock = turnedClock(1000, async () => (waits += 1) === 3 && app.run('commit'))
  const bytes = await withDatabaseSnapshot(database, (snapshot) => readAll(snapshot), clock)
  expect(examineBytes(bytes).value).toBe(4000)
  expect(waits).toBe(3)
})

test('a database that was replaced while its lock was waited for is read as the new one', async () => {
  const other = await App.at(path.join(dir, 'new.db'))
  await other.run(`${TABLE}; ${FILL}; update t set n = 9`)
  await other.close()
  await app.run(`${TABLE}; ${FILL}; begin exclusive`)
  const clock = turnedClock(1000, async () => fs.renameSync(path.join(dir, 'new.db'), database))
  const bytes = await withDatabaseSnapshot(database, (snapshot) => readAll(snapshot), clock)
  expect(examineBytes(bytes).value).toBe(18_000)
})

test('with a rollback journal the app waits for a bounded time: then its lock is given up', async () => {
  await app.run(`pragma journal_mode=delete; ${TABLE}; ${FILL}`)
  const clock = turnedClock(1000)
  const reading = withDatabaseSnapshot(
    database,
    async (snapshot) => {
      expect(readAll(snapshot).length).toBe(snapshot.sizeBytes)
      expect(await app.run('update t set n = 2')).toMatch(/locked/)
      clock.turn(6000)
      expect(() => readAll(snapshot)).toThrow(DatabaseUnreadableError)
      expect(await app.run('update t set n = 3')).toBe('done')
    },
    clock,
  )
  await expect(reading).rejects.toThrow(/more than 5 s/)
})

test.each(['wal', 'delete'])(
  'a writer that got in because our locks were dropped is noticed (%s)',
  async (journal) => {
    await app.run(`pragma journal_mode=${journal}; ${TABLE}; ${FILL}`)
    const reading = withDatabaseSnapshot(database, async (snapshot) => {
      readAll(snapshot)
      // Closing any descriptor of a file drops all locks that the process holds on it.
      for (const suffix of ['', '-shm'])
        if (fs.existsSync(database + suffix)) fs.closeSync(fs.openSync(database + suffix, 'r'))
      await app.run('update t set n = 2; update t set n = 3')
      await app.run('pragma wal_checkpoint(full)')
    })
    await expect(reading).rejects.toThrow(/written to while it was read/)
  },
)

test('what is no database, or not one to SQLite, is told apart from one that is locked', async () => {
  const contents = ['', 'short', 'x'.repeat(9000), `SQLite format 3\0${'x'.repeat(9000)}`]
  for (const content of contents) {
    const file = path.join(dir, 'other')
    fs.writeFileSync(file, content)
    await expect(withDatabaseSnapshot(file, readAll)).rejects.toThrow(NotADatabaseError)
    expect(fs.readdirSync(dir).filter((name) => name.startsWith('other'))).toEqual(['other'])
  }
  await expect(withDatabaseSnapshot(path.join(dir, 'none'), readAll)).rejects.toMatchObject({
    code: 'ENOENT',
  })
  expect(looksLikeDatabase(Buffer.from('SQLite format'))).toBe(false)
})

test('a name that is no text, or has characters of a URL, names the database all the same', async () => {
  for (const name of ['a b?c#d%41.db', 'caf\udce9.db']) {
    const bytes = Buffer.from(name.replace('\udce9', '\xe9'), 'latin1')
    const file = Buffer.concat([Buffer.from(`${dir}/`), bytes])
    await app.run(`vacuum into '${path.join(dir, 'plain.db')}'; ${TABLE}`)
    fs.renameSync(path.join(dir, 'plain.db'), file)
    const size = await withDatabaseSnapshot(path.join(dir, name), (held) => held.sizeBytes)
    expect(size).toBe(fs.statSync(file).size)
    await app.run('drop table t')
  }
})

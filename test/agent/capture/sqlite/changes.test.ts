import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { DatabasePosition } from '../../../../agent/capture/sqlite/position.ts'
import { withDatabaseSnapshot } from '../../../../agent/capture/sqlite/snapshot.ts'
import { systemClock } from '../../../../shared/clock.ts'
import { App, readAll } from './app.ts'

/** Rows of half a page, so that each change is seen in a page of its own. */
const FILLED = `create table t (id integer primary key, note blob);
  with recursive c(i) as (select 1 union all select i + 1 from c where i < 400)
  insert into t (note) select randomblob(2500) from c`
const WAL = `pragma journal_mode=wal; pragma wal_autocheckpoint=0; ${FILLED}`

/** 10 s ahead, so that no file was changed just now. */
const laterClock = { ...systemClock, now: () => new Date(Date.now() + 10_000) }

interface Taken {
  readonly position: DatabasePosition
  readonly bytes: Buffer
  readonly changed: readonly number[] | 'all'
}

let dir: string
let database: string
let app: App
let before: Taken | undefined

beforeEach(async () => {
  dir = fs.mkdtempSync(path.join(os.tmpdir(), 'holdfast-sqlite-'))
  database = path.join(dir, 'app.db')
  app = await App.at(database)
  before = undefined
})
afterEach(async () => {
  await app.kill()
  fs.rmSync(dir, { recursive: true })
})

/** What has changed since the last time; it must be all that differs. */
async function changes(clock = laterClock): Promise<readonly number[] | 'all'> {
  const taken = await withDatabaseSnapshot(
    database,
    (snapshot): Taken => ({
      position: snapshot.position,
      bytes: readAll(snapshot),
      changed: snapshot.changedSince(before?.position),
    }),
    clock,
  )
  const { changed, position } = taken
  if (before !== undefined && changed !== 'all') {
    const different = differentPages(before.bytes, taken.bytes, position.pageBytes)
    expect(changed).toEqual(expect.arrayContaining(different))
    expect(changed).toEqual([...new Set(changed)].toSorted((a, b) => a - b))
  }
  before = taken
  return changed
}

function differentPages(a: Buffer, b: Buffer, pageBytes: number): number[] {
  const pages = Array.from({ length: b.length / pageBytes }, (_, page) => page)
  return pages.filter(
    (page) =>
      !a
        .subarray(page * pageBytes, (page + 1) * pageBytes)
        .equals(b.subarray(page * pageBytes, (page + 1) * pageBytes)),
  )
}

async function change(id: number): Promise<void> {
  expect(await app.run(`update t set note = randomblob(2500) where id = ${id}`)).toBe('done')
}

test('of an unknown position everything may have changed', async () => {
  await app.run(WAL)
  expect(await changes()).toBe('all')
})

test.each(['wal', 'delete'])('of a database that nobody writes to, nothing (%s)', async (mode) => {
  await app.run(`pragma journal_mode=${mode}; ${FILLED}`)
  await changes()
  expect(await changes()).toEqual([])
  await app.close()
  if (mode === 'delete') expect(await changes()).toEqual([])
})

test('a few changed rows are a few pages, with checkpoints in between or without', async () => {
  await app.run(WAL)
  await changes()
  await change(7)
  expect(await changes()).toHaveLength(1)
  await change(100)
  await change(300)
  await app.run('pragma wal_checkpoint(passive)')
  expect(await changes()).toHaveLength(2)
  expect(await changes()).toEqual([])
})

test('what a transaction wrote and rolled back is no change', async () => {
  await app.run(WAL)
  await changes()
  await app.run('pragma cache_size=5; begin; update t set note = randomblob(2500); rollback')
  expect(await changes()).toEqual([])
})

test('a log that was begun anew once still tells what changed, if its new frames have not come too far', async () => {
  await app.run(WAL)
  await changes()
  await change(7)
  await app.run('pragma wal_checkpoint(full)')
  await change(100)
  await change(300)
  const changed = await changes()
  expect(changed).not.toBe('all')
  expect(changed).toHaveLength(3)
})

test('a log that was begun anew and has overwritten its earlier frames tells nothing', async () => {
  await app.run(WAL)
  await app.run('pragma wal_checkpoint(truncate)')
  await change(7)
  await changes()
  await change(8)
  await app.run('pragma wal_checkpoint(full)')
  await change(100)
  await change(200)
  expect(await changes()).toBe('all')
})

test('a log that was begun anew twice, or cut off, tells nothing', async () => {
  await app.run(WAL)
  await changes()
  for (let i = 0; i < 2; i += 1) {
    await change(7)
    await app.run('pragma wal_checkpoint(full)')
  }
  await change(100)
  expect(await changes()).toBe('all')
  await app.run(`pragma journal_size_limit=${32 + 4120 * 5}; pragma wal_checkpoint(full)`)
  for (let id = 10; id < 18; id += 1) await change(id)
  await changes()
  for (let id = 20; id < 40; id += 1) await change(id)
  await app.run('pragma wal_checkpoint(full)')
  await change(100)
  expect(await changes()).toBe('all')
})

test('a transaction that a cut-off log has lost is missed in the count', async () => {
  // After 8 frames comes the limit, and at the limit a transaction ends.
  await app.run(`${WAL}; pragma wal_checkpoint(truncate)`)
  for (let id = 1; id <= 8; id += 1) await change(id)
  await changes()
  for (let id = 9; id <= 20; id += 1) await change(id)
  await app.run(`pragma journal_size_limit=${32 + 4120 * 12}; pragma wal_checkpoint(full)`)
  await change(100)
  expect(fs.statSync(`${database}-wal`).size).toBe(32 + 4120 * 12)
  expect(await changes()).toBe('all')
})

test('pages cut off and grown again have changed, whether or not they lie in a frame', async () => {
  await app.run(WAL)
  await changes()
  const sizeBytes = before?.position.sizeBytes ?? 0
  await app.run('delete from t where id > 50; vacuum; pragma wal_checkpoint(passive)')
  await app.run(FILLED.slice(FILLED.indexOf(';') + 1))
  const changed = await changes()
  expect(before?.position.sizeBytes).toBeGreaterThan(sizeBytes)
  expect(changed).not.toBe('all')
})

test('an app that was started again has changed only what lies over the database file', async () => {
  await app.run(WAL)
  await app.close()
  expect(await changes()).toBe('all')
  app = await App.at(database)
  await app.run('pragma wal_autocheckpoint=0')
  await change(7)
  await change(300)
  expect(await changes()).toHaveLength(2)
})

test('a file that was changed only just now proves nothing', async () => {
  await app.run(`pragma journal_mode=delete; ${FILLED}`)
  await changes(systemClock)
  expect(await changes(systemClock)).toBe('all')
})

test('after a transaction of a rollback journal, everything may have changed', async () => {
  await app.run(`pragma journal_mode=delete; ${FILLED}`)
  await changes()
  await change(7)
  expect(await changes()).toBe('all')
})

test('of another file under the same name, everything may have changed', async () => {
  await app.run(WAL)
  await app.close()
  await changes()
  fs.copyFileSync(database, path.join(dir, 'copy.db'))
  fs.renameSync(path.join(dir, 'copy.db'), database)
  expect(await changes()).toBe('all')
})

test('a log that is recovered after a crash still tells what changed', async () => {
  await app.run(WAL)
  await changes()
  await change(7)
  await app.kill()
  expect(await changes()).toHaveLength(1)
})

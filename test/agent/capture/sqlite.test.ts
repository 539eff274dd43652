import { fork } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { PLAIN_VAULT } from '../../../shared/encryption/vault.ts'
import { EntryTable } from '../../../shared/repository/entry-table.ts'
import { systemClock } from '../../../shared/clock.ts'
import { createFileStore } from '../../../shared/object-store/file-store.ts'
import { EMPTY_MANIFEST } from '../../../shared/repository/manifest.ts'
import type { Entry } from '../../../shared/repository/entry.ts'
import { PackWriter } from '../../../shared/repository/pack-writer.ts'
import { HeldVersion } from '../../../agent/capture/held-version.ts'
import { AppState } from '../../../agent/session/app-state.ts'
import { ChunkSource } from '../../../agent/restore/chunk-source.ts'
import { ObjectReader } from '../../../agent/restore/object-reader.ts'
import { inspect } from '../../../agent/restore/present.ts'
import { planRestore } from '../../../agent/restore/restore-plan.ts'
import { runRestore } from '../../../agent/restore/restorer.ts'
import type { Layout } from '../../../agent/volume/layout.ts'

const STREAM = { namespace: 'bank', app: 'ledger', slot: '0' }
const NO_DATABASE =
  'it does not begin as an SQLite database does: it is encrypted, or something else'
const PATIENCE = { clock: systemClock }
let dir: string
let store: ReturnType<typeof createFileStore>

beforeEach(() => {
  dir = fs.mkdtempSync(path.join(os.tmpdir(), 'holdfast-sqlite-'))
  store = createFileStore(path.join(dir, 'store'))
})
afterEach(() => {
  fs.rmSync(dir, { recursive: true })
})

function layoutOf(database: string): Layout {
  return {
    roots: [{ path: '/ledger.db', as: 'sqlite', at: database, excludes: () => false }],
    volumes: [],
  }
}

/** Captures until there is something new, and makes it what the next capture extends. */
async function capture(state: AppState, held: HeldVersion): Promise<Entry | undefined> {
  const packs = new PackWriter(store, STREAM, PATIENCE, PLAIN_VAULT)
  const taken = await state.take(held, packs)
  if (taken === undefined) return undefined
  if (taken.packed.inline.length > 0) {
    const name = `v${held.entries.size + taken.changed.size + Math.floor(performance.now())}`
    taken.packed.committedAs(Number(name.slice(1)))
    const key = `v1/streams/bank/ledger/0/versions/${String(10 ** 12 - Number(name.slice(1)))}-${name}`
    await store.create(key, Buffer.concat([Buffer.from('holdfast/1\n'), ...taken.packed.inline]))
  }
  for (const entry of taken.refreshed.values()) held.refresh(entry)
  held.advance(taken.changed, taken.gone, taken.faults)
  taken.applied()
  expect(taken.faults).toEqual([])
  const [changed] = taken.changed.values()
  return changed
}

async function restore(database: string, entry: Entry): Promise<void> {
  const layout = layoutOf(database)
  const target = EntryTable.of([entry])
  const options = {
    scannedAt: undefined,
    touches: () => true,
    clock: systemClock,
    vault: PLAIN_VAULT,
  }
  const present = await inspect(layout, target, options)
  const plan = planRestore(target, [], present)
  const source = new ChunkSource(new ObjectReader(store, STREAM, PATIENCE), PLAIN_VAULT)
  expect((await runRestore(layout, plan, source)).lost).toEqual([])
}

function sumOf(database: string): { check: string; rows: number; total: number } {
  const db = new DatabaseSync(database, { readOnly: true })
  try {
    const check = Object.values(db.prepare('pragma integrity_check').get() ?? {})[0] as string
    const row = db
      .prepare('select count(*) as rows, coalesce(sum(amount), 0) as total from entries')
      .get()
    return { check, rows: Number(row?.['rows']), total: Number(row?.['total']) }
  } finally {
    db.close()
  }
}

test('every version of a live WAL database under write load is consistent: no transaction is torn', async () => {
  const database = path.join(dir, 'ledger.db')
  const writer = fork(path.resolve(import.meta.dirname, 'ledger-writer.ts'), [database], {
    execArgv: ['--no-warnings'],
  })
  try {
    await once(writer, 'message')
    const state = new AppState(layoutOf(database), systemClock)
    const held = new HeldVersion(EMPTY_MANIFEST)
    let last = 0
    for (let version = 0; version < 12; version += 1) {
      const entry = await capture(state, held)
      if (entry === undefined) continue
      const copy = path.join(dir, `restored-${version}`, 'ledger.db')
      fs.mkdirSync(path.dirname(copy))
      await restore(copy, entry)
      const { check, rows, total } = sumOf(copy)
      expect(check).toBe('ok')
      expect(total, 'both halves of every transfer').toBe(0)
      expect(rows).toBeGreaterThanOrEqual(last)
      last = rows
      await once(writer, 'message')
    }
    expect(last).toBeGreaterThan(0)
    expect(fs.readdirSync(dir).filter((name) => name.endsWith('.tmp'))).toEqual([])
  } finally {
    writer.kill('SIGKILL')
    await once(writer, 'exit')
  }
})

test('an unchanged database makes no version, though its file and its content differ in length', async () => {
  const database = path.join(dir, 'ledger.db')
  const db = new DatabaseSync(database)
  db.exec(
    'pragma journal_mode=wal; create table entries (amount integer); insert into entries values (5)',
  )
  const state = new AppState(layoutOf(database), systemClock)
  const held = new HeldVersion(EMPTY_MANIFEST)
  expect(await capture(state, held)).toBeDefined()
  expect(await capture(state, held)).toBeUndefined()
  db.exec('insert into entries values (6)')
  expect(await capture(state, held)).toBeDefined()
  db.close()
})

test('a restore leaves no stale log that would be played into the old database', async () => {
  const database = path.join(dir, 'ledger.db')
  const db = new DatabaseSync(database)
  db.exec(
    'pragma journal_mode=wal; create table entries (amount integer); insert into entries values (5)',
  )
  const state = new AppState(layoutOf(database), systemClock)
  const held = new HeldVersion(EMPTY_MANIFEST)
  const good = await capture(state, held)
  db.exec('insert into entries values (7)')
  // The app is killed: its log stays.
  const crashed = path.join(dir, 'crashed', 'ledger.db')
  fs.mkdirSync(path.dirname(crashed))
  for (const suffix of ['', '-wal', '-shm']) fs.copyFileSync(database + suffix, crashed + suffix)
  db.close()
  expect(sumOf(crashed).total).toBe(12)
  if (good === undefined) throw new Error('nothing was captured')
  await restore(crashed, good)
  expect(fs.readdirSync(path.dirname(crashed))).toEqual(['ledger.db'])
  expect(sumOf(crashed)).toEqual({ check: 'ok', rows: 1, total: 5 })
})

test('what is no database is listed as unreadable, and never taken for a version', async () => {
  const database = path.join(dir, 'ledger.db')
  fs.writeFileSync(database, 'x'.repeat(10_000))
  const state = new AppState(layoutOf(database), systemClock)
  const taken = await state.take(
    new HeldVersion(EMPTY_MANIFEST),
    new PackWriter(store, STREAM, PATIENCE, PLAIN_VAULT),
  )
  expect(taken?.changed.size).toBe(0)
  expect(taken?.faults).toEqual([{ name: '0', kind: 'unreadable', why: NO_DATABASE }])
})

import { createHash } from 'node:crypto'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { withDatabaseSnapshot } from '../../../../agent/capture/sqlite/snapshot.ts'
import { SeededRandom, runSeed } from '../../../support/seeded-random.ts'
import { App, examine } from './app.ts'
import { Replica } from './replica.ts'

const SUM =
  'select coalesce((select sum(amount) from a), 0) + coalesce((select sum(amount) from b), 0)'
/** All of it: each row's number, and some of its bytes. */
const NOTES =
  "select group_concat(id || ' ' || hex(substr(note, 1, 8))) from (select * from notes order by id)"
const VERSIONS = Number(process.env['HOLDFAST_DATABASE_VERSIONS'] ?? 30)
const MIB = 1024 * 1024

let dir: string
let database: string
let apps: App[]
let replica: Replica

beforeEach(() => {
  dir = fs.mkdtempSync(path.join(os.tmpdir(), 'holdfast-versions-'))
  database = path.join(dir, 'ledger.db')
  apps = []
  replica = new Replica(database)
})
afterEach(async () => {
  for (const app of apps) await app.kill()
  fs.rmSync(dir, { recursive: true })
})

function placeFor(name: string): string {
  fs.mkdirSync(path.join(dir, name), { recursive: true })
  return path.join(dir, name, 'ledger.db')
}

async function commit(): Promise<number> {
  const n = await replica.commit()
  if (n === undefined) throw new Error('nothing had changed')
  return n
}

test.each([
  { journal: 'wal', restMs: 0, roundsPerConnection: 1000 },
  { journal: 'wal', restMs: 1, roundsPerConnection: 20 },
  { journal: 'delete', restMs: 2, roundsPerConnection: 50 },
])(
  'each version under load is whole and balanced when it is restored, alone and over another one: $journal, $roundsPerConnection rounds per connection',
  async ({ journal, restMs, roundsPerConnection }) => {
    const seed = runSeed(`versions under load (${journal})`)
    const app = await App.writing({ database, journal, seed, restMs, roundsPerConnection })
    apps.push(app)
    const inPlace = placeFor('in-place')
    for (let versions = 0; versions < VERSIONS;) {
      await app.progress()
      const n = await replica.commit()
      if (n === undefined) continue
      versions += 1
      const alone = placeFor(`v${n}`)
      await replica.restore(n, alone)
      await replica.restore(n, inPlace)
      expect(fs.readFileSync(inPlace).equals(fs.readFileSync(alone))).toBe(true)
      expect(examine(alone, SUM)).toEqual({ check: 'ok', value: 0 })
      fs.rmSync(path.dirname(alone), { recursive: true })
      if (versions % 7 === 0) await replica.restart()
    }
  },
  120_000 + VERSIONS * 10_000,
)

test('a database that nobody has written to yet is an empty file, and one that is emptied again, too', async () => {
  fs.writeFileSync(database, '')
  const n = await commit()
  const copy = placeFor('empty')
  await replica.restore(n, copy)
  expect(fs.statSync(copy).size).toBe(0)
  const app = await App.at(database)
  apps.push(app)
  await app.run('create table notes (id integer primary key, note blob)')
  expect((await replica.entry(await commit())).sizeBytes).toBeGreaterThan(0)
  await app.close()
  fs.writeFileSync(database, '')
  await commit()
  expect(replica.held.moments.size).toBe(0)
})

describe('of a database in write-ahead mode', () => {
  let app: App

  /** Rows of 1,000 random bytes. */
  async function fill(rows: number): Promise<void> {
    app = await App.at(database)
    apps.push(app)
    await app.run('pragma journal_mode=wal')
    await app.run('create table notes (id integer primary key, note blob)')
    await app.run(`insert into notes (note) with recursive n(i) as
      (select 1 union all select i + 1 from n where i < ${rows}) select randomblob(1000) from n`)
  }

  async function change(ids: readonly number[]): Promise<void> {
    await app.run(`update notes set note = randomblob(1000) where id in (${ids.join()})`)
  }

  async function expectRestored(version: number): Promise<void> {
    const copy = placeFor(`copy-${version}`)
    await replica.restore(version, copy)
    const [row] = (await app.run(NOTES)) as Record<string, unknown>[]
    expect(notesIn(copy)).toEqual({ check: 'ok', notes: digest(Object.values(row ?? {})[0]) })
  }

  test('100 random rows of 50 MB ship little more than their pages', async () => {
    const random = new SeededRandom(runSeed('rows of a database'))
    await fill(50_000)
    await commit()
    const at = await withDatabaseSnapshot(database, ({ position }) => position)
    const before = replica.storedBytes
    await change(Array.from({ length: 100 }, () => 1 + random.below(50_000)))
    const changedBytes = await withDatabaseSnapshot(database, (snapshot) =>
      pagesOf(snapshot.changedSince(at), snapshot.pageBytes),
    )
    const n = await commit()
    const references = (await replica.entry(n)).chunks.length
    const shipped = replica.storedBytes - before
    console.log(`${changedBytes} bytes of pages: ${shipped} bytes, ${references} references`)
    expect(shipped).toBeLessThan(3 * changedBytes + 80 * references)
    await expectRestored(n)
  })

  test('after a checkpoint that cuts the log off, too', async () => {
    await fill(20_000)
    await commit()
    await change([7, 9000, 19_000])
    await app.run('pragma wal_checkpoint(truncate)')
    const before = replica.storedBytes
    const n = await commit()
    expect(replica.storedBytes - before).toBeLessThan(50_000)
    await expectRestored(n)
  })

  test('a picture that becomes no version does not move where the next one begins', async () => {
    await fill(3000)
    await commit()
    await change([7])
    await replica.commitInVain()
    await change([2500])
    await expectRestored(await commit())
  })

  test('after a restart only windows that were written to are stored again', async () => {
    await fill(8000)
    await commit()
    await change([4000])
    await commit()
    await replica.restart()
    await change([10])
    const before = replica.storedBytes
    const n = await commit()
    expect(replica.storedBytes - before).toBeLessThan(3.5 * MIB)
    await expectRestored(n)
  })

  test('what a vacuum or an emptied log leaves is a version, and the same content is none', async () => {
    await fill(3000)
    await commit()
    await app.run('delete from notes where id % 3 = 0')
    await app.run('vacuum')
    await expectRestored(await commit())
    await app.run('pragma wal_checkpoint(truncate)')
    expect(await replica.commit()).toBeUndefined()
  })

  test('a restore over a database fetches what differs, and leaves no log that would be played into it', async () => {
    await fill(8000)
    const n = await commit()
    const crashed = placeFor('crashed')
    await app.run('pragma wal_checkpoint(truncate)')
    await change([10])
    for (const suffix of ['', '-wal', '-shm']) fs.copyFileSync(database + suffix, crashed + suffix)
    const alone = placeFor('alone')
    expect(await replica.restore(n, alone)).toBeGreaterThan(7 * MIB)
    expect(await replica.restore(n, crashed)).toBeLessThan(2.5 * MIB)
    expect(fs.readdirSync(path.dirname(crashed))).toEqual(['ledger.db'])
    expect(notesIn(crashed)).toEqual(notesIn(alone))
  })
})

function pagesOf(changed: readonly number[] | 'all', pageBytes: number): number {
  if (changed === 'all') throw new Error('it is not known what has changed')
  return changed.length * pageBytes
}

function notesIn(file: string): { check: unknown; notes: string } {
  const { check, value } = examine(file, NOTES)
  return { check, notes: digest(value) }
}

/** Short enough to be shown where two differ. */
function digest(value: unknown): string {
  return createHash('sha256').update(String(value)).digest('hex')
}

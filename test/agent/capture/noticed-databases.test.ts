/** Databases among the files of a directory that is declared as files, or as nothing. */
import fs from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { surveyAll, surveyDirty } from '../../../agent/capture/survey.ts'
import type { Layout } from '../../../agent/volume/layout.ts'
import type { Entry } from '../../../shared/repository/entry.ts'
import { TempVolume } from './temp-volume.ts'

let volume: TempVolume
const open: DatabaseSync[] = []

beforeEach(() => {
  volume = new TempVolume({ exclude: ['secret.db'] })
  fs.mkdirSync(volume.dir)
})
afterEach(() => {
  for (const connection of open.splice(0)) if (connection.isOpen) connection.close()
  volume.remove()
})

function database(name: string, journal = 'wal'): DatabaseSync {
  const connection = new DatabaseSync(volume.at(name))
  connection.exec(`pragma journal_mode=${journal}; create table rows (value integer)`)
  open.push(connection)
  return connection
}

/** Names below the root, databases with a star. */
function held(): string[] {
  return [...volume.held.entries.values()].slice(0).map(starred).filter(Boolean).toSorted()
}

function starred(entry: Entry): string {
  return entry.name.slice(2) + (entry.type === 'file' && entry.database === true ? '*' : '')
}

/** Commits what hints of these names in the root show, or all where they cannot; whether they could. */
async function commitDirty(...names: string[]): Promise<boolean> {
  let wasPart = false
  await volume.commit(undefined, async (layout, before, options) => {
    const part = await surveyDirty(layout, before, new Map([[volume.dir, new Set(names)]]), options)
    wasPart = part !== undefined
    return part ?? surveyAll(layout, before, options)
  })
  return wasPart
}

it('is one entry with its log and index; what only has such a name is a file', async () => {
  database('shop.db')
  database('old.db', 'persist').exec('insert into rows values (1)')
  for (const name of ['note', 'note-wal', 'lonely-wal', '-wal', 'shop.db-other'])
    fs.writeFileSync(volume.at(name), name)
  expect(fs.existsSync(volume.at('shop.db-wal'))).toBe(true)
  expect(fs.existsSync(volume.at('old.db-journal'))).toBe(true)
  await volume.commit()
  expect(held()).toEqual(
    ['-wal', 'lonely-wal', 'note', 'note-wal', 'old.db*', 'shop.db*', 'shop.db-other'].toSorted(),
  )
})

it('is left as it is where files are meant', async () => {
  database('shop.db').exec('insert into rows values (1)')
  const literal: Layout = {
    ...volume.layout,
    roots: volume.layout.roots.map((root) => ({ ...root, as: 'files' })),
  }
  const { plan } = await surveyAll(literal, volume.held, {
    doubtful: new Set(),
    hints: undefined,
    uid: 0,
  })
  const names = [...plan.changed.values()].map(starred)
  expect(names).toEqual(expect.arrayContaining(['shop.db', 'shop.db-shm', 'shop.db-wal']))
})

it('is no database where it is excluded, and its log is a file then', async () => {
  database('secret.db')
  await volume.commit()
  expect(held()).toEqual(['secret.db-shm', 'secret.db-wal'])
})

it('shows a change of its log alone, also to a survey of what hints name', async () => {
  const connection = database('shop.db')
  connection.exec('pragma wal_autocheckpoint=0')
  await volume.commit()
  const before = volume.held.entries.get('0/shop.db')
  connection.exec('insert into rows values (1)')
  expect(await commitDirty('shop.db-wal')).toBe(true)
  expect(volume.held.entries.get('0/shop.db')).not.toEqual(before)
})

it('takes its log up when a file becomes one, and lets go of it when it is one no more', async () => {
  fs.writeFileSync(volume.at('shop.db'), 'nothing yet')
  fs.writeFileSync(volume.at('shop.db-wal'), 'a file of its own')
  await volume.commit()
  expect(held()).toEqual(['shop.db', 'shop.db-wal'])
  fs.rmSync(volume.at('shop.db'))
  fs.rmSync(volume.at('shop.db-wal'))
  database('shop.db')
  await commitDirty('shop.db', 'shop.db-wal', 'shop.db-shm')
  expect(held()).toEqual(['shop.db*'])
  open[0]?.close()
  fs.rmSync(volume.at('shop.db'))
  fs.writeFileSync(volume.at('shop.db-wal'), 'a file again')
  await commitDirty('shop.db')
  expect(held()).toEqual(['shop.db-wal'])
})

it('is a file where SQLite finds it broken, as what lies beside it is, and has no fault', async () => {
  const app = database('shop.db')
  app.exec('pragma wal_checkpoint(truncate)')
  const fd = fs.openSync(volume.at('shop.db'), 'r+')
  fs.writeSync(fd, Buffer.alloc(3000, 0xff), 0, 3000, 100)
  fs.closeSync(fd)
  const files = ['shop.db', 'shop.db-shm', 'shop.db-wal']
  for (let version = 0; version < 2; version += 1) {
    await volume.commit()
    expect(volume.held.faults).toEqual([])
    expect(held()).toEqual(files)
  }
  await commitDirty('shop.db-wal')
  expect(held()).toEqual(files)
})

it('makes no version of a checkpoint', async () => {
  const connection = database('shop.db')
  connection.exec('insert into rows values (1)')
  await volume.commit()
  connection.exec('pragma wal_checkpoint(truncate)')
  const taken = await volume.capture()
  expect([...taken.changed.keys()]).toEqual([])
  expect([...taken.refreshed.keys()]).toContain('0/shop.db')
})

it('goes with its log when it is removed, and comes with it when it is renamed', async () => {
  database('one.db')
  database('two.db')
  await volume.commit()
  for (const suffix of ['', '-wal', '-shm'])
    fs.renameSync(volume.at(`one.db${suffix}`), volume.at(`new.db${suffix}`))
  for (const suffix of ['', '-wal', '-shm']) fs.rmSync(volume.at(`two.db${suffix}`))
  await commitDirty('one.db', 'one.db-wal', 'new.db-wal', 'two.db', 'two.db-wal', 'two.db-shm')
  expect(held()).toEqual(['new.db*'])
})

it('is not changed by being read, whoever reads it, while its app has it open', async () => {
  const shop = database('shop.db')
  shop.exec('insert into rows values (1)')
  await volume.commit()
  expect(await toRead()).toBe(0)
  shop.exec('insert into rows values (2)')
  expect(await toRead()).toBe(1)
})

/** How many files a look at all of them would have to read, by their times alone. */
async function toRead(): Promise<number> {
  const options = { doubtful: new Set<string>(), hints: undefined, uid: 0 }
  return (await surveyAll(volume.layout, volume.held, options)).plan.read.length
}

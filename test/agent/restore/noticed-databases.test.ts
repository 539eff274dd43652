/** Databases in a directory, brought back among other files: no log of another database is ever played into one. */
import fs from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { TempVolume } from '../capture/temp-volume.ts'
import { restore } from './restore-into.ts'

let from: TempVolume
let to: TempVolume

beforeEach(() => {
  from = new TempVolume()
  to = new TempVolume({ store: from.store })
  for (const volume of [from, to]) fs.mkdirSync(volume.dir)
})
afterEach(() => {
  from.remove()
  to.remove()
})

/** @returns what its app left when it was killed: the log is not in the database's file. */
function killedApp(volume: TempVolume, name: string, value: number): void {
  const app = new DatabaseSync(volume.at('app.db'))
  app.exec(`pragma journal_mode=wal; pragma wal_autocheckpoint=0;
    create table rows (value integer); insert into rows values (${value})`)
  for (const suffix of ['', '-wal', '-shm'])
    fs.copyFileSync(volume.at(`app.db${suffix}`), volume.at(`${name}${suffix}`))
  app.close()
  fs.rmSync(volume.at('app.db'))
}

function valueOf(location: string): unknown {
  const connection = new DatabaseSync(location)
  try {
    expect(connection.prepare('pragma integrity_check').get()).toEqual({ integrity_check: 'ok' })
    return connection.prepare('select sum(value) as sum from rows').get()?.['sum']
  } finally {
    connection.close()
  }
}

it('comes with what its log held, over another one and its log', async () => {
  killedApp(from, 'shop.db', 1)
  fs.writeFileSync(from.at('other'), 'file')
  await from.commit()
  killedApp(to, 'shop.db', 2)
  await restore(from, to)
  expect(fs.readdirSync(to.dir)).toEqual(['other', 'shop.db'])
  expect(valueOf(to.at('shop.db'))).toBe(1)
})

it('is not met by a log that lay there without a database', async () => {
  killedApp(from, 'shop.db', 1)
  await from.commit()
  killedApp(to, 'shop.db', 2)
  fs.rmSync(to.at('shop.db'))
  await restore(from, to)
  expect(fs.readdirSync(to.dir)).toEqual(['shop.db'])
  expect(valueOf(to.at('shop.db'))).toBe(1)
})

it('loses the log that was written to it since, though its file is as it was', async () => {
  killedApp(from, 'shop.db', 1)
  await from.commit()
  await restore(from, to)
  const app = new DatabaseSync(to.at('shop.db'))
  app.exec('pragma journal_mode=wal; pragma wal_autocheckpoint=0')
  app.exec('insert into rows values (5)')
  for (const suffix of ['', '-wal', '-shm'])
    fs.copyFileSync(to.at(`shop.db${suffix}`), to.at(`copy${suffix}`))
  app.close()
  for (const suffix of ['', '-wal', '-shm'])
    fs.renameSync(to.at(`copy${suffix}`), to.at(`shop.db${suffix}`))
  await restore(from, to)
  expect(fs.readdirSync(to.dir)).toEqual(['shop.db'])
  expect(valueOf(to.at('shop.db'))).toBe(1)
})

it('goes with its log where the version has none, or something else of its name', async () => {
  fs.mkdirSync(from.at('one.db'))
  fs.writeFileSync(from.at('two.db'), 'a file')
  fs.writeFileSync(from.at('two.db-wal'), 'another')
  await from.commit()
  for (const name of ['one.db', 'two.db', 'three.db']) killedApp(to, name, 2)
  const { plan } = await restore(from, to)
  expect(plan.losesContent).toBe(true)
  expect(fs.readdirSync(to.dir)).toEqual(['one.db', 'two.db', 'two.db-wal'])
  expect(fs.readFileSync(to.at('two.db-wal'), 'utf8')).toBe('another')
})

it('stays as it is, with what lies beside it, where it is as it shall be', async () => {
  killedApp(from, 'shop.db', 1)
  await from.commit()
  await restore(from, to)
  fs.writeFileSync(to.at('shop.db-wal'), '')
  const { plan } = await restore(from, to)
  expect(plan.files).toEqual([])
  expect(plan.losesContent).toBe(false)
})

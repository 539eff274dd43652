import { randomBytes } from 'node:crypto'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { readDatabase } from '../../../../agent/capture/sqlite/read-database.ts'
import type { Clock } from '../../../../shared/clock.ts'
import { systemClock } from '../../../../shared/clock.ts'
import { PLAIN_VAULT } from '../../../../shared/encryption/vault.ts'
import type { ChunkRef } from '../../../../shared/repository/entry.ts'
import { bytesOf } from '../../../../shared/repository/entry.ts'
import { App } from './app.ts'

const MIB = 1024 * 1024
const NOTHING = { chunks: [], moment: undefined }
const NOWHERE = { frame: { pack: 'p', offset: 0, storedBytes: 0, plainBytes: 0 }, start: 0 }

let dir: string
let database: string
let app: App
/** What was stored, by id. */
let stored: Map<string, Buffer>
let aheadMs: number
/** Awaited by whoever asks for room. */
let onRoom: () => unknown

const clock: Clock = {
  ...systemClock,
  monotonicMs: () => systemClock.monotonicMs() + aheadMs,
  sleep: () => Promise.resolve(),
}

beforeEach(async () => {
  dir = fs.mkdtempSync(path.join(os.tmpdir(), 'holdfast-read-'))
  database = path.join(dir, 'app.db')
  stored = new Map()
  aheadMs = 0
  onRoom = () => undefined
  app = await App.at(database)
  await app.run('create table notes (id integer primary key, note blob)')
})
afterEach(async () => {
  await app.kill()
  fs.rmSync(dir, { recursive: true })
})

async function fill(rows: number): Promise<void> {
  await app.run(`insert into notes (note) with recursive n(i) as
    (select 1 union all select i + 1 from n where i < ${rows}) select randomblob(100000) from n`)
}

const keeper = {
  keep(bytes: Buffer) {
    const id = PLAIN_VAULT.chunkId(bytes).toString('hex')
    stored.set(id, Buffer.from(bytes))
    return { ...NOWHERE, id, lengthBytes: bytes.length }
  },
  room: async () => {
    await onRoom()
  },
}

function read(known: Parameters<typeof readDatabase>[1] = NOTHING) {
  return readDatabase(database, known, keeper, PLAIN_VAULT, clock)
}

function bytesAt(chunks: readonly ChunkRef[]): Buffer {
  const parts = chunks.map((chunk) => {
    if ('hole' in chunk) return Buffer.alloc(chunk.hole)
    const from = chunk.slice?.from ?? 0
    return (stored.get(chunk.id) as Buffer).subarray(from, from + bytesOf(chunk))
  })
  return Buffer.concat(parts)
}

test('a snapshot that ends while the store is waited for is begun again', async () => {
  await fill(200)
  let rooms = 0
  onRoom = () => {
    rooms += 1
    if (rooms === 4) aheadMs += 60_000
  }
  const { chunks, sizeBytes } = await read()
  expect(sizeBytes).toBeGreaterThan(16 * MIB)
  expect(rooms).toBe(4 + chunks.length)
  expect(bytesAt(chunks).equals(fs.readFileSync(database))).toBe(true)
})

test('one that ends each time is given up, and its writers had a rest after each', async () => {
  await fill(200)
  let rests = 0
  onRoom = () => (aheadMs += 60_000)
  const tired: Clock = { ...clock, sleep: async () => void (rests += 1) }
  await expect(readDatabase(database, NOTHING, keeper, PLAIN_VAULT, tired)).rejects.toThrow(
    /its app is not kept waiting longer/,
  )
  expect(rests).toBe(7)
})

test('what need not wait for the store is stored when the snapshot has ended', async () => {
  await fill(20)
  let written: Promise<unknown> | undefined
  onRoom = () => (written ??= app.run('insert into notes (note) values (1)'))
  const before = fs.readFileSync(database)
  const { chunks } = await read()
  expect(await written).toBe('done')
  expect(bytesAt(chunks).equals(before)).toBe(true)
})

test('where it is not known what has changed, windows that are held are not stored again', async () => {
  await fill(50)
  const held = await read()
  stored.clear()
  await app.run('update notes set note = randomblob(100000) where id = 50')
  const { chunks } = await read({ chunks: held.chunks, moment: undefined })
  expect(stored.size).toBeLessThan(4)
  expect(chunks.length).toBe(held.chunks.length)
  stored.clear()
  expect((await read({ chunks, moment: undefined })).chunks).toEqual(chunks)
  expect(stored.size).toBe(0)
})

test('a window of which slices are held is stored as a whole where it is not known what has changed', async () => {
  await app.run('pragma journal_mode=wal')
  await fill(50)
  const first = await read()
  await app.run('update notes set note = randomblob(50) where id = 25')
  const held = await read({ chunks: first.chunks, moment: first.moment })
  expect(held.chunks.some((chunk) => 'slice' in chunk)).toBe(true)
  const { chunks } = await read({ chunks: held.chunks, moment: undefined })
  expect(chunks.some((chunk) => 'slice' in chunk)).toBe(false)
  expect(bytesAt(chunks).equals(bytesAt(held.chunks))).toBe(true)
})

test('what is held of it cut by its content is replaced by windows', async () => {
  await fill(30)
  const bytes = fs.readFileSync(database)
  const cuts = [0, 700_000, 1_900_000, bytes.length]
  const held = cuts.slice(1).map((end, i) => keeper.keep(bytes.subarray(cuts[i], end)))
  const { chunks } = await read({
    chunks: [...held, keeper.keep(randomBytes(10))],
    moment: undefined,
  })
  expect(chunks.map(bytesOf).slice(0, 2)).toEqual([MIB, MIB])
  expect(bytesAt(chunks).equals(bytes)).toBe(true)
})

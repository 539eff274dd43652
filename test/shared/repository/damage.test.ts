import { describe, expect, it } from 'vitest'
import type { Entry, StoredChunk } from '../../../shared/repository/entry.ts'
import {
  isDamaged,
  readDamage,
  recordDamage,
  versionsWithoutManifest,
  withoutDamaged,
} from '../../../shared/repository/damage.ts'
import { damagedPrefix } from '../../../shared/repository/object-keys.ts'
import { MemoryStore } from './memory-store.ts'
import { STREAM } from './records.ts'

const PACK = 'a'.repeat(32)
const OTHER = 'b'.repeat(32)
const NOTHING = { gone: false, manifest: false, frames: [], chunks: [] }

function chunk(pack: string, offset: number, start = 0): StoredChunk {
  const frame = { pack, offset, storedBytes: 10, plainBytes: 20 }
  return { id: '0'.repeat(64), lengthBytes: 5, frame, start }
}

function file(name: string, ...chunks: readonly StoredChunk[]): Entry {
  const times = { mtimeNs: 0n, ctimeNs: 0n, inode: 1n }
  const sizeBytes = chunks.length * 5 + 100
  return {
    name,
    type: 'file',
    mode: 0o644,
    uid: 0,
    gid: 0,
    ...times,
    sizeBytes,
    chunks: [{ hole: 100 }, ...chunks],
  }
}

it('costs a stream without damage one LIST', async () => {
  const store = new MemoryStore()
  const damage = await readDamage(store, STREAM)
  expect(store.calls).toEqual([`list ${damagedPrefix(STREAM)}`])
  expect(damage.size).toBe(0)
  expect(withoutDamaged([file('0/a', chunk(PACK, 11))], damage)).toEqual(new Set())
})

describe('a notice', () => {
  it('names what is lost, and nothing beside it', async () => {
    const store = new MemoryStore()
    await recordDamage(store, STREAM, {
      ...NOTHING,
      pack: PACK,
      frames: [11],
      chunks: [[500, 5, '0'.repeat(64)]],
    })
    const damage = await readDamage(store, STREAM)
    expect(isDamaged(damage, chunk(PACK, 11, 7))).toBe(true)
    expect(isDamaged(damage, chunk(PACK, 500, 5))).toBe(true)
    expect(isDamaged(damage, chunk(PACK, 500))).toBe(false)
    expect(isDamaged(damage, chunk(OTHER, 11))).toBe(false)
    const head = [
      file('0/lost', chunk(OTHER, 11), chunk(PACK, 11)),
      file('0/kept', chunk(OTHER, 11), chunk(PACK, 500)),
      file('0/half', chunk(PACK, 500, 5)),
    ]
    expect(withoutDamaged(head, damage)).toEqual(new Set(['0/lost', '0/half']))
  })

  it('of an object that is gone is about all of it', async () => {
    const store = new MemoryStore()
    await recordDamage(store, STREAM, { ...NOTHING, pack: PACK, gone: true })
    expect(isDamaged(await readDamage(store, STREAM), chunk(PACK, 12345))).toBe(true)
  })

  it('is left once for the same finding, and again beside it for another one', async () => {
    const store = new MemoryStore()
    const first = { ...NOTHING, pack: PACK, frames: [11] }
    for (const notice of [first, first, { ...first, frames: [11, 500] }])
      await recordDamage(store, STREAM, notice)
    expect(store.objects.size).toBe(2)
    const damage = await readDamage(store, STREAM)
    expect(damage.get(PACK)?.frames).toEqual(new Set([11, 500]))
  })

  it('of a version without its manifest keeps it from being a base', async () => {
    const store = new MemoryStore()
    await recordDamage(store, STREAM, { ...NOTHING, pack: 'v7', manifest: true })
    await recordDamage(store, STREAM, { ...NOTHING, pack: 'v9', frames: [11] })
    const damage = await readDamage(store, STREAM)
    expect(versionsWithoutManifest(damage)).toEqual(new Set([7]))
    expect(isDamaged(damage, chunk('v7', 11))).toBe(false)
    expect(isDamaged(damage, chunk('v9', 11))).toBe(true)
  })

  it.each([
    ['is cut off', (body: Buffer) => body.subarray(0, 40)],
    ['is of another object', (body: Buffer, other: Buffer) => (body.length > 0 ? other : body)],
  ])('that %s counts against the whole object that its key names', async (_how, change) => {
    const store = new MemoryStore()
    await recordDamage(store, STREAM, { ...NOTHING, pack: OTHER, frames: [11] })
    const [other] = [...store.objects.values()]
    store.objects.clear()
    await recordDamage(store, STREAM, { ...NOTHING, pack: PACK, frames: [11] })
    for (const object of store.objects.values())
      object.body = change(object.body, other?.body ?? Buffer.alloc(0))
    const damage = await readDamage(store, STREAM)
    expect(isDamaged(damage, chunk(PACK, 500))).toBe(true)
    expect(isDamaged(damage, chunk(OTHER, 500))).toBe(false)
  })
})

it('passes over objects that are no notices', async () => {
  const store = new MemoryStore()
  const body = Buffer.from('note')
  store.objects.set(`${damagedPrefix(STREAM)}readme`, { body, modifiedAt: new Date() })
  expect((await readDamage(store, STREAM)).size).toBe(0)
})

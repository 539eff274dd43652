import { randomBytes } from 'node:crypto'
import * as fc from 'fast-check'
import { expect, it, vi } from 'vitest'
import { PLAIN_VAULT } from '../../../shared/encryption/vault.ts'
import { AccessDeniedError } from '../../../shared/object-store/object-store.ts'
import type { StoredChunk } from '../../../shared/repository/entry.ts'
import { decodeFrame } from '../../../shared/repository/frame.ts'
import { decodeHeader, encodeObject, sha256Hex } from '../../../shared/repository/object-file.ts'
import { packKey, versionKey } from '../../../shared/repository/object-keys.ts'
import { INLINE_BYTES, INLINE_PACK, PackWriter } from '../../../shared/repository/pack-writer.ts'
import { HandClock, MemoryStore, patience } from './memory-store.ts'
import { STREAM } from './records.ts'

const MIB = 1024 * 1024

function add(writer: PackWriter, bytes: Buffer): StoredChunk {
  return writer.add(sha256Hex(bytes), bytes)
}

/** A chunk's plain bytes, read as the format says. */
function read(store: MemoryStore, chunk: StoredChunk): Buffer {
  const { pack, offset, storedBytes } = chunk.frame
  const object = store.objects.get(packKey(STREAM, pack))?.body ?? Buffer.alloc(0)
  const stored = object.subarray(offset, offset + storedBytes)
  const plain = decodeFrame(pack, stored, chunk.frame)
  return plain.subarray(chunk.start, chunk.start + chunk.lengthBytes)
}

it('carries a small commit inside the version object: no other object is written', async () => {
  const store = new MemoryStore()
  const writer = new PackWriter(store, STREAM, patience(), PLAIN_VAULT)
  const bytes = [Buffer.from('one'), Buffer.from('two'), randomBytes(500_000)]
  const chunks = bytes.map((each) => add(writer, each))
  const packed = await writer.finish()
  expect(chunks.map(({ frame }) => frame.pack)).toEqual([INLINE_PACK, INLINE_PACK, INLINE_PACK])
  expect(store.calls).toEqual([])
  expect(packed.oldestUploadMs).toBe(Infinity)
  packed.committedAs(42)
  const body = encodeObject(packed.inline, {})
  store.objects.set(versionKey(STREAM, 42), { body, modifiedAt: new Date() })
  expect(chunks.every((chunk, i) => read(store, chunk).equals(bytes[i] as Buffer))).toBe(true)
})

it('writes packs when there is more, each of which tells what it holds', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 1, max: 3 * MIB }), { minLength: 1, maxLength: 12 }),
      async (sizes) => {
        const store = new MemoryStore()
        const writer = new PackWriter(store, STREAM, patience(), PLAIN_VAULT)
        const bytes = [INLINE_BYTES + 1, ...sizes].map((size) => randomBytes(size))
        const chunks: StoredChunk[] = []
        for (const each of bytes) {
          await writer.room()
          chunks.push(add(writer, each))
        }
        const packed = await writer.finish()
        expect(packed.inline).toEqual([])
        expect(chunks.every((chunk, i) => read(store, chunk).equals(bytes[i] as Buffer))).toBe(true)
        const listed = [...store.objects].flatMap(([key, { body }]) => {
          const header = decodeHeader(key, body) as {
            name: string
            frames: { chunks: [string][] }[]
          }
          expect(key).toBe(packKey(STREAM, header.name))
          return header.frames.flatMap((frame) =>
            frame.chunks.map(([id]) => `${header.name} ${id}`),
          )
        })
        expect(listed.toSorted()).toEqual(
          chunks.map(({ frame, id }) => `${frame.pack} ${id}`).toSorted(),
        )
        expect(packed.storedBytes).toBe(bytes.reduce((sum, each) => sum + each.length, 0))
      },
    ),
    { numRuns: 10 },
  )
})

it('takes a copy: what becomes of the bytes afterwards is no concern of the chunk', async () => {
  const store = new MemoryStore()
  const writer = new PackWriter(store, STREAM, patience(), PLAIN_VAULT)
  const shared = Buffer.alloc(1000)
  const chunks: { chunk: StoredChunk; bytes: Buffer }[] = []
  for (let i = 0; i < 3000; i += 1) {
    randomBytes(1000).copy(shared)
    await writer.room()
    chunks.push({ chunk: add(writer, shared), bytes: Buffer.from(shared) })
  }
  shared.fill(0)
  await writer.finish()
  expect(chunks.every(({ chunk, bytes }) => read(store, chunk).equals(bytes))).toBe(true)
})

it('lays frames down in the order in which their chunks were added, whichever is compressed first', async () => {
  const store = new MemoryStore()
  const writer = new PackWriter(store, STREAM, patience(), PLAIN_VAULT)
  const chunks: StoredChunk[] = []
  for (let i = 0; i < 12; i += 1) {
    await writer.room()
    // Zeros take another thread long compared with what does not compress, which takes none.
    chunks.push(add(writer, i % 2 === 0 ? Buffer.alloc(4 * MIB, `${i} `) : randomBytes(MIB)))
  }
  await writer.finish()
  const offsets = chunks.map(({ frame }) => frame.offset)
  expect(offsets).toEqual(offsets.toSorted((a, b) => a - b))
  expect(new Set(chunks.map(({ frame }) => frame.pack)).size).toBe(1)
})

it('the reference to a chunk is whole only after finish: what a small file shares with others is one frame', async () => {
  const writer = new PackWriter(new MemoryStore(), STREAM, patience(), PLAIN_VAULT)
  const [one, two] = [add(writer, Buffer.from('one')), add(writer, Buffer.from('two'))]
  expect(one.frame).toBe(two.frame)
  const packed = await writer.finish()
  expect(one.frame).toEqual({ pack: INLINE_PACK, offset: 11, storedBytes: 6, plainBytes: 6 })
  packed.committedAs(7)
  expect(two.frame.pack).toBe('v7')
})

it('never names a pack by its content: the same bytes make another name', async () => {
  const names = new Set<string>()
  const bytes = randomBytes(2 * MIB)
  for (let i = 0; i < 2; i += 1) {
    const writer = new PackWriter(new MemoryStore(), STREAM, patience(), PLAIN_VAULT)
    const chunk = add(writer, bytes)
    await writer.finish()
    names.add(chunk.frame.pack)
  }
  expect(names.size).toBe(2)
})

it('finishes only when every byte is in the store', async () => {
  const store = new MemoryStore()
  const held = Promise.withResolvers<void>()
  store.beforeCreate = () => held.promise
  const writer = new PackWriter(store, STREAM, patience(), PLAIN_VAULT)
  add(writer, randomBytes(2 * MIB))
  let finished = false
  const finishing = writer.finish().then(() => (finished = true))
  await new Promise(setImmediate)
  expect(finished).toBe(false)
  expect(store.objects.size).toBe(0)
  held.resolve()
  await finishing
  expect(store.objects.size).toBe(1)
})

it('gives no more room when two packs are on their way and four frames wait: memory is bounded', async () => {
  const store = new MemoryStore()
  const waiting: (() => void)[] = []
  store.beforeCreate = () => new Promise((resolve) => waiting.push(resolve))
  const writer = new PackWriter(store, STREAM, patience(), PLAIN_VAULT)
  const bytes = randomBytes(16 * MIB)
  let added = 0
  const adding = (async () => {
    for (let i = 0; i < 10; i += 1) {
      await writer.room()
      writer.add(`${i}`, bytes)
      added += 1
    }
    await writer.finish()
  })()
  await vi.waitFor(() => expect([added, waiting.length]).toEqual([6, 2]))
  for (let turn = 0; turn < 10; turn += 1) await new Promise(setImmediate)
  expect([added, waiting.length]).toEqual([6, 2])
  const pump = setInterval(() => waiting.shift()?.(), 1)
  await adding.finally(() => clearInterval(pump))
  expect(store.objects.size).toBe(10)
})

it('an upload that is refused comes out of finish, and nothing is taken for stored', async () => {
  const store = new MemoryStore()
  store.beforeCreate = () => Promise.reject(new AccessDeniedError('no'))
  const writer = new PackWriter(store, STREAM, patience(), PLAIN_VAULT)
  add(writer, randomBytes(17 * MIB))
  await expect(writer.finish()).rejects.toThrow(AccessDeniedError)
})

it('goes on asking through an outage, and says since when the oldest upload is under way', async () => {
  const store = new MemoryStore()
  const clock = new HandClock()
  clock.ms = 1000
  store.fateOf = () => (clock.ms < 100_000 ? 'answer lost' : 'answered')
  const writer = new PackWriter(store, STREAM, { clock }, PLAIN_VAULT)
  add(writer, randomBytes(2 * MIB))
  const packed = await writer.finish()
  expect(packed.oldestUploadMs).toBe(1000)
  expect(store.objects.size).toBe(1)
})

it('splits very many tiny chunks over several packs, so that each header can be read', async () => {
  const store = new MemoryStore()
  const writer = new PackWriter(store, STREAM, patience(), PLAIN_VAULT)
  // Frames are closed by their bytes: 64 bytes each make 16,384 chunks in a frame.
  for (let i = 0; i < 150_000; i += 1) {
    await writer.room()
    writer.add(`id ${i}`, randomBytes(64))
  }
  await writer.finish()
  const chunksOf = [...store.objects].map(([key, { body }]) => {
    const { frames } = decodeHeader(key, body) as { frames: { chunks: unknown[] }[] }
    return frames.reduce((sum, frame) => sum + frame.chunks.length, 0)
  })
  expect(chunksOf.length).toBeGreaterThan(1)
  expect(Math.max(...chunksOf)).toBeLessThanOrEqual(64 * 1024 + 16_384)
})

import * as fc from 'fast-check'
import { expect, it } from 'vitest'
import { CorruptObjectError } from '../../../shared/errors.ts'
import {
  MAGIC,
  decodeHeader,
  encodeObject,
  readHeader,
  sha256Hex,
} from '../../../shared/repository/object-file.ts'
import { MemoryStore } from './memory-store.ts'

const bytes = fc.uint8Array({ maxLength: 200 }).map((array) => Buffer.from(array))
const header = fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue())

function storeWith(body: Buffer): MemoryStore {
  const store = new MemoryStore()
  store.objects.set('key', { body, modifiedAt: new Date(5) })
  return store
}

/** What JSON makes of a value: -0 is 0, for one. */
const asJson = (value: unknown) => JSON.parse(JSON.stringify(value)) as unknown

it('gives back any header, and leaves any frames where their offsets say', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(bytes, { maxLength: 5 }), header, async (frames, given) => {
      const object = encodeObject(frames, given)
      expect(decodeHeader('key', object)).toEqual(asJson(given))
      expect((await readHeader(storeWith(object), 'key'))?.header).toEqual(asJson(given))
      const joined = Buffer.concat(frames)
      expect(object.subarray(MAGIC.length, MAGIC.length + joined.length)).toEqual(joined)
    }),
  )
})

it('says of an object whose magic, header or trailer differs in one byte that it is corrupt', async () => {
  const frame = Buffer.from('frame')
  const object = encodeObject([frame], { format: 1, kind: 'test', text: 'as it was written' })
  const afterFrame = MAGIC.length + frame.length + 1
  const places = fc.oneof(
    fc.integer({ min: 0, max: MAGIC.length - 1 }),
    fc.integer({ min: afterFrame, max: object.length - 1 }),
  )
  await fc.assert(
    fc.asyncProperty(places, fc.integer({ min: 1, max: 255 }), async (at, flip) => {
      const damaged = Buffer.from(object)
      damaged[at] = (damaged[at] ?? 0) ^ flip
      expect(() => decodeHeader('key', damaged)).toThrow(CorruptObjectError)
      await expect(readHeader(storeWith(damaged), 'key')).rejects.toThrow(CorruptObjectError)
    }),
    { numRuns: 500 },
  )
})

it('says of an object that was cut anywhere that it is corrupt', async () => {
  const object = encodeObject([Buffer.from('frame')], { kind: 'test' })
  for (let length = 0; length < object.length; length += 1) {
    const cut = object.subarray(0, length)
    expect(() => decodeHeader('key', cut)).toThrow(CorruptObjectError)
    await expect(readHeader(storeWith(cut), 'key')).rejects.toThrow(CorruptObjectError)
  }
})

it('reads most headers with one request, long ones with two', async () => {
  const short = storeWith(encodeObject([Buffer.alloc(100_000, 1)], { kind: 'short' }))
  expect(await readHeader(short, 'key')).toMatchObject({
    header: { kind: 'short' },
    modifiedAt: new Date(5),
    sizeBytes: short.objects.get('key')?.body.length,
  })
  expect(short.calls).toHaveLength(1)
  const text = 'x'.repeat(100_000)
  const long = storeWith(encodeObject([], { text }))
  expect((await readHeader(long, 'key'))?.header).toEqual({ text })
  expect(long.calls).toHaveLength(2)
})

it('tells absence from damage', async () => {
  expect(await readHeader(new MemoryStore(), 'key')).toBeUndefined()
})

it('does not fetch a header beyond reason, whatever length the trailer says', async () => {
  for (const said of ['9999999999', '0200000000', '0000000000']) {
    const body = Buffer.from(`holdfast/1\n\n{}\n${said} ${sha256Hex(Buffer.from('{}\n'))}\n`)
    const store = storeWith(body)
    // An object that claims to be as large as a header of that length needs.
    const get = store.get.bind(store)
    store.get = async (key, range) => {
      const found = await get(key, range)
      return found && { ...found, sizeBytes: 20_000_000_000 }
    }
    await expect(readHeader(store, 'key')).rejects.toThrow(CorruptObjectError)
    // The last 16 KiB, and the first line, which may say that it is of another format.
    expect(store.fetchedBytes).toBeLessThan(17 * 1024)
  }
})

it('survives headers nested as deep as they like', () => {
  const depth = 200_000
  const line = `${'['.repeat(depth)}${']'.repeat(depth)}\n`
  const length = String(line.length).padStart(10, '0')
  const object = Buffer.from(`holdfast/1\n\n${line}${length} ${sha256Hex(Buffer.from(line))}\n`)
  try {
    decodeHeader('key', object)
  } catch (error) {
    expect(error).toBeInstanceOf(CorruptObjectError)
  }
})

it('any bytes at all are a header or a CorruptObjectError', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), (array) => {
      expect(() => decodeHeader('key', Buffer.from(array))).toThrow(CorruptObjectError)
    }),
  )
})

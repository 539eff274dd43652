import { randomBytes } from 'node:crypto'
import { zstdCompressSync } from 'node:zlib'
import * as fc from 'fast-check'
import { afterAll, expect, it } from 'vitest'
import { CorruptObjectError } from '../../../shared/errors.ts'
import { FrameCompressor } from '../../../shared/repository/frame-compressor.ts'
import type { FrameRef } from '../../../shared/repository/frame.ts'
import { MAX_FRAME_BYTES, decodeFrame, encodeFrame } from '../../../shared/repository/frame.ts'

const compressor = new FrameCompressor()
afterAll(() => {
  compressor.close()
})

const refOf = (plain: Buffer, stored: Buffer): FrameRef => ({
  offset: 11,
  storedBytes: stored.length,
  plainBytes: plain.length,
})

it('gives back any bytes', async () => {
  const text = fc
    .tuple(fc.uint8Array({ maxLength: 50 }), fc.integer({ min: 0, max: 200 }))
    .map(([array, times]) => Buffer.concat(Array.from({ length: times }, () => Buffer.from(array))))
  await fc.assert(
    fc.asyncProperty(text, async (plain) => {
      const stored = await encodeFrame(plain, compressor)
      expect(stored.length).toBeLessThanOrEqual(plain.length)
      expect(decodeFrame('key', stored, refOf(plain, stored)).equals(plain)).toBe(true)
    }),
  )
})

it('stores as they are bytes that do not compress, small and large', async () => {
  for (const size of [0, 1, 63, 1000, 300_000, 4_000_000]) {
    const plain = randomBytes(size)
    const stored = await encodeFrame(plain, compressor)
    expect(stored.equals(plain)).toBe(true)
    expect(decodeFrame('key', stored, refOf(plain, stored)).equals(plain)).toBe(true)
  }
})

it('compresses what has compressible parts among its samples', async () => {
  const plain = Buffer.alloc(1024 * 1024, 'order ')
  expect((await encodeFrame(plain, compressor)).length).toBeLessThan(1000)
})

it('gives each of many frames its own bytes, whatever their sizes, and also after it was closed', async () => {
  const plains = Array.from({ length: 40 }, (_, i) =>
    Buffer.concat([
      Buffer.alloc([70_000, 2 ** 20, 5 * 2 ** 20][i % 3]!, `order ${i} `),
      randomBytes(i * 5000),
    ]),
  )
  const stored = await Promise.all(plains.map((plain) => encodeFrame(plain, compressor)))
  for (const [i, plain] of plains.entries())
    expect(decodeFrame('key', stored[i]!, refOf(plain, stored[i]!)).equals(plain)).toBe(true)
  compressor.close()
  const [plain] = plains as [Buffer]
  const again = await encodeFrame(plain, compressor)
  expect(decodeFrame('key', again, refOf(plain, again)).equals(plain)).toBe(true)
})

it('refuses sizes that are not what the bytes are', async () => {
  const plain = Buffer.alloc(10_000, 'order ')
  const stored = await encodeFrame(plain, compressor)
  const ref = refOf(plain, stored)
  const wrong: FrameRef[] = [
    { ...ref, plainBytes: plain.length - 1 },
    { ...ref, plainBytes: plain.length + 1 },
    { ...ref, plainBytes: 0 },
    { ...ref, plainBytes: MAX_FRAME_BYTES + 1 },
    { ...ref, plainBytes: Number.MAX_SAFE_INTEGER },
    { ...ref, storedBytes: stored.length + 1 },
  ]
  for (const hostile of wrong)
    expect(() => decodeFrame('key', stored, hostile)).toThrow(CorruptObjectError)
})

it('never unpacks more than the reference says', () => {
  const bomb = zstdCompressSync(Buffer.alloc(256 * 1024 * 1024))
  const before = process.memoryUsage().rss
  expect(() =>
    decodeFrame('key', bomb, { offset: 11, storedBytes: bomb.length, plainBytes: bomb.length + 1 }),
  ).toThrow(CorruptObjectError)
  expect(process.memoryUsage().rss - before).toBeLessThan(128 * 1024 * 1024)
})

it('any bytes for a compressed frame are plain bytes of the right length or a CorruptObjectError', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), fc.nat(10_000), (array, plainBytes) => {
      const stored = Buffer.from(array)
      try {
        const plain = decodeFrame('key', stored, {
          offset: 0,
          storedBytes: stored.length,
          plainBytes,
        })
        expect(plain.length).toBe(plainBytes)
      } catch (error) {
        expect(error).toBeInstanceOf(CorruptObjectError)
      }
    }),
  )
})

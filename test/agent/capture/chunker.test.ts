import { createHash, randomBytes } from 'node:crypto'
import * as fc from 'fast-check'
import { expect, it } from 'vitest'
import {
  AVERAGE_CHUNK_BYTES,
  MAX_CHUNK_BYTES,
  MIN_CHUNK_BYTES,
  cutLength,
} from '../../../agent/capture/chunker.ts'

const MIB = 1024 * 1024
const bytes = randomBytes(48 * MIB)

function cuts(of: Buffer): number[] {
  const lengths: number[] = []
  for (let at = 0; at < of.length; at += lengths.at(-1) ?? 0)
    lengths.push(cutLength(of.subarray(at, at + 2 * MAX_CHUNK_BYTES)))
  return lengths
}

/** Where the cuts are, as bytes from the end. */
function cutsFromEnd(of: Buffer): number[] {
  let at = 0
  return cuts(of).map((length) => of.length - (at += length))
}

it('cuts between the least and the most, around the average', () => {
  const lengths = cuts(bytes)
  for (const length of lengths.slice(0, -1)) {
    expect(length).toBeGreaterThan(MIN_CHUNK_BYTES)
    expect(length).toBeLessThanOrEqual(MAX_CHUNK_BYTES)
  }
  const average = bytes.length / lengths.length
  expect(average).toBeGreaterThan(AVERAGE_CHUNK_BYTES * 0.8)
  expect(average).toBeLessThan(AVERAGE_CHUNK_BYTES * 1.25)
})

it('cuts alike however much of the file follows', () => {
  fc.assert(
    fc.property(
      fc.nat(40 * MIB),
      fc.integer({ min: MAX_CHUNK_BYTES, max: 7 * MIB }),
      (at, seen) => {
        const from = bytes.subarray(at)
        fc.pre(from.length >= MAX_CHUNK_BYTES)
        expect(cutLength(from.subarray(0, seen))).toBe(cutLength(from))
      },
    ),
    { numRuns: 20 },
  )
})

it('cuts where hashing one byte after the other does', () => {
  fc.assert(
    fc.property(
      fc.nat(40 * MIB),
      fc.oneof(
        fc.integer({ min: MIN_CHUNK_BYTES, max: MIN_CHUNK_BYTES + 100 }),
        fc.integer({ min: MIN_CHUNK_BYTES, max: 2 * MAX_CHUNK_BYTES }),
      ),
      (at, length) => {
        const some = bytes.subarray(at, at + length)
        expect(cutLength(some)).toBe(cutByteByByte(some))
      },
    ),
    { numRuns: 60 },
  )
})

/** As the algorithm is written down: a hash that begins with the first byte that is looked at. */
function cutByteByByte(some: Buffer): number {
  const gear = Array.from({ length: 256 }, (_, i) =>
    createHash('sha256').update(`holdfast gear ${i}`).digest().readInt32LE(0),
  )
  const end = Math.min(some.length, MAX_CHUNK_BYTES)
  let hash = 0
  for (let i = MIN_CHUNK_BYTES; i < end; i += 1) {
    hash = ((hash << 1) + (gear[some[i] ?? 0] ?? 0)) | 0
    const bits = i < 768 * 1024 ? 22 : 18
    if (hash >>> (32 - bits) === 0) return i + 1
  }
  return end
}

it('moves few cuts when something is inserted', () => {
  const inserted = Buffer.concat([
    bytes.subarray(0, 10 * MIB),
    Buffer.from('new'),
    bytes.subarray(10 * MIB),
  ])
  const before = new Set(cutsFromEnd(bytes))
  const moved = cutsFromEnd(inserted).filter((end) => !before.has(end))
  // Every cut before the insertion is as far from the end as before, plus the three bytes.
  expect(moved.filter((end) => end < 34 * MIB).length).toBeLessThanOrEqual(3)
})

it('cuts what has no content to cut by at the most', () => {
  expect(cuts(Buffer.alloc(9 * MIB)).every((length) => length <= MAX_CHUNK_BYTES)).toBe(true)
  expect(cutLength(Buffer.alloc(0))).toBe(0)
  expect(cutLength(Buffer.alloc(5))).toBe(5)
})

it('cuts the same bytes alike in every release', () => {
  const fixed = Buffer.alloc(12 * MIB)
  let x = 1
  for (let i = 0; i < fixed.length; i += 4) {
    x = (Math.imul(x, 1_664_525) + 1_013_904_223) | 0
    fixed.writeInt32LE(x ^ (x >>> 15), i)
  }
  expect(cuts(fixed)).toMatchInlineSnapshot(`
    [
      844415,
      1782237,
      1460418,
      969036,
      796491,
      1980031,
      1702293,
      986219,
      840538,
      975471,
      245763,
    ]
  `)
})

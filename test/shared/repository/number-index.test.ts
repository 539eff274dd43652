import * as fc from 'fast-check'
import { expect, it } from 'vitest'
import { NumberIndex } from '../../../shared/repository/number-index.ts'

/** Few hashes, so that they collide; numbers as rows have them. */
const step = fc.tuple(
  fc.boolean(),
  fc.oneof(fc.nat(3), fc.constantFrom(0, 1, 0x8000_0000, 0xffff_ffff)),
  fc.nat(40),
)

const hashOf = (value: number) => Math.imul(value, 0x9e37_79b1) >>> 0

function valuesOf(index: NumberIndex, hash: number): number[] {
  const values: number[] = []
  index.find(hash, (value) => {
    values.push(value)
    return false
  })
  return values.toSorted((a, b) => a - b)
}

it('offers exactly the numbers that were added with a hash and not removed', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 400 }), (steps) => {
      const index = new NumberIndex()
      const added: { hash: number; value: number }[] = []
      for (const [isAdded, hash, value] of steps) {
        if (isAdded) {
          index.add(hash, value)
          added.push({ hash, value })
          continue
        }
        index.remove(hash, value)
        const at = added.findIndex((each) => each.hash === hash && each.value === value)
        if (at >= 0) added.splice(at, 1)
      }
      for (const hash of new Set(steps.map(([, each]) => each))) {
        const expected = added.filter((each) => each.hash === hash).map(({ value }) => value)
        expect(valuesOf(index, hash)).toEqual(expected.toSorted((a, b) => a - b))
      }
    }),
  )
})

it('adds no number where there are as many with its hash as asked for', () => {
  const index = new NumberIndex()
  for (let value = 0; value < 50_000; value += 1) index.add(7, value, 16)
  expect(valuesOf(index, 7)).toHaveLength(16)
  index.remove(7, 3)
  index.add(7, 60_000, 16)
  expect(valuesOf(index, 7)).toContain(60_000)
})

it('finds each of many numbers again, also when most came and went', () => {
  const index = new NumberIndex()
  for (let value = 0; value < 100_000; value += 1) {
    index.add(hashOf(value), value)
    if (value >= 1000) index.remove(hashOf(value - 1000), value - 1000)
  }
  for (let value = 98_000; value < 100_000; value += 1)
    expect(index.find(hashOf(value), (each) => each === value) === value).toBe(value >= 99_000)
})

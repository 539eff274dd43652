import * as fc from 'fast-check'
import { expect, it } from 'vitest'
import { NumberRows } from '../../cli/number-rows.ts'

it('is a set of tuples, as a Map of their texts would be', () => {
  const value = fc.oneof(fc.nat(3), fc.nat(), fc.maxSafeNat())
  const seed = Date.now()
  fc.assert(
    fc.property(fc.array(fc.tuple(value, value, value)), (tuples) => {
      const rows = new NumberRows(3)
      const expected = new Map<string, number>()
      for (const tuple of tuples) {
        const text = String(tuple)
        expect(rows.find(tuple)).toBe(expected.get(text))
        if (!expected.has(text)) expected.set(text, expected.size)
        expect(rows.add(tuple)).toBe(expected.get(text))
      }
      expect(rows.count).toBe(expected.size)
    }),
    { seed },
  )
})

it('finds each of very many', () => {
  const rows = new NumberRows(2)
  for (let i = 0; i < 50_000; i += 1) expect(rows.add([i % 7, i * 1_048_577])).toBe(i)
  for (let i = 0; i < 50_000; i += 1) {
    expect(rows.find([i % 7, i * 1_048_577])).toBe(i)
    expect(rows.get(i, 1)).toBe(i * 1_048_577)
  }
  expect(rows.find([1, 1])).toBeUndefined()
})

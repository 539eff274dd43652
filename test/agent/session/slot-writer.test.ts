import { expect, test } from 'vitest'
import { fateOf, seeAgain } from '../../../agent/session/slot-writer.ts'

const ENDS_MS = 30_000
const first = seeAgain(undefined, 'w', 7, 1000)

test('what the cluster says of a pod counts', () => {
  expect(fateOf(first, 'gone', ENDS_MS, 1000)).toBe('gone')
  expect(fateOf(first, 'alive', ENDS_MS, 900_000)).toBe('alive')
  expect(fateOf(first, 'terminating', ENDS_MS, 1000)).toBe('ending')
})

test.each(['terminating', undefined] as const)(
  'a writer that says nothing for its whole grace period is gone (%s)',
  (answer) => {
    expect(fateOf(first, answer, ENDS_MS, 1000 + ENDS_MS - 1)).toBe('ending')
    expect(fateOf(first, answer, ENDS_MS, 1000 + ENDS_MS)).toBe('gone')
  },
)

test('with nobody to ask, a writer that flushes is still ending, and one that writes on for longer than any end takes is alive', () => {
  const flushed = seeAgain(first, 'w', 8, 5000)
  expect(fateOf(flushed, undefined, ENDS_MS, 6000)).toBe('ending')
  expect(fateOf(flushed, undefined, ENDS_MS, 1000 + ENDS_MS)).toBe('ending')
  expect(fateOf(flushed, undefined, ENDS_MS, 5000 + ENDS_MS)).toBe('gone')
  const busy = seeAgain(flushed, 'w', 9, 1000 + ENDS_MS)
  expect(fateOf(busy, undefined, ENDS_MS, 1000 + ENDS_MS)).toBe('alive')
})

test('a pod that is ending writes on for as long as it is', () => {
  const busy = seeAgain(first, 'w', 9, 1000 + 10 * ENDS_MS)
  expect(fateOf(busy, 'terminating', ENDS_MS, 1000 + 10 * ENDS_MS)).toBe('ending')
})

test('another writer begins anew', () => {
  expect(seeAgain(first, 'x', 7, 9000)).toEqual({ writer: 'x', n: 7, firstMs: 9000, movedMs: 9000 })
  expect(seeAgain(first, 'w', 7, 9000)).toBe(first)
})

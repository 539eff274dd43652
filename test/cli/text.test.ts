import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { firstLines, printablePath } from '../../cli/text/names.ts'
import { formatBytes, formatCount } from '../../cli/text/sizes.ts'
import { formatTable } from '../../cli/text/table.ts'
import { formatTime } from '../../cli/text/times.ts'

test.each([
  [0, '0 B'],
  [1023, '1023 B'],
  [1024, '1.0 KiB'],
  [1024 ** 2 - 1, '1.0 MiB'],
  [3.4 * 1024 ** 2, '3.4 MiB'],
  [5000 * 1024 ** 5, '5000.0 PiB'],
])('%d bytes are %s', (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text)
})

test('one is one, and all else is many', () => {
  expect([0, 1, 2].map((n) => formatCount(n, 'entry', 'entries'))).toEqual([
    '0 entries',
    '1 entry',
    '2 entries',
  ])
})

describe('a path', () => {
  test('shows bytes that are no text, and what would break the line', () => {
    expect(printablePath('a\nb\udcff\u001b[31m\\')).toBe('a\\nb\\xff\\u001b[31m\\\\')
  })

  test('is always one line without control characters, and no two look alike', () => {
    const name = fc.string({ unit: 'binary' })
    fc.assert(
      fc.property(name, name, (a, b) => {
        expect(printablePath(a)).not.toMatch(/\p{Cc}|\u2028|\u2029/u)
        if (a !== b) expect(printablePath(a)).not.toBe(printablePath(b))
      }),
    )
  })
})

test('a long list is cut, and says so', () => {
  expect(firstLines(['a', 'b', 'c'], 2)).toEqual(['a', 'b', '… and 1 more'])
  expect(firstLines(['a', 'b'], 2)).toEqual(['a', 'b'])
})

test('columns stand below their headers', () => {
  expect(
    formatTable(
      ['A', 'SIZE', 'B'],
      [
        ['long', '1', 'x'],
        ['', '100000', ''],
      ],
      new Set(['SIZE']),
    ),
  ).toBe('A       SIZE  B\nlong       1  x\n      100000')
})

test('a time is never shown earlier than it was', () => {
  expect(formatTime(new Date('2026-11-20T14:15:00.001Z'))).toBe('2026-11-20T14:15:01Z')
  expect(formatTime(new Date('2026-11-20T14:15:00.000Z'))).toBe('2026-11-20T14:15:00Z')
})

import * as fc from 'fast-check'
import { expect, it } from 'vitest'
import { CorruptObjectError } from '../../../shared/errors.ts'
import { parseLogRecord } from '../../../shared/repository/log-record.ts'
import type { LogRecord } from '../../../shared/repository/log-record.ts'
import { EMPTY_LOG, advance } from '../../../shared/repository/log-state.ts'
import { unstated } from './records.ts'

const KINDS = ['open', 'restore', 'done', 'closed', 'version'] as const

function record(kind: LogRecord['kind'], n = 7): Record<string, unknown> {
  const parts = unstated(kind, n)
  return { ...parts, log: advance(EMPTY_LOG, parts) }
}

const parse = (header: unknown, n = 7) => parseLogRecord('the/key', header, 'shop/shop/0', n)

it.each(KINDS)('reads back a record of kind %s', (kind) => {
  expect(parse(record(kind))).toEqual(record(kind))
})

it('refuses a record that stands under the key of another number or stream', () => {
  expect(() => parse(record('open'), 8)).toThrow(CorruptObjectError)
  expect(() => parse({ ...record('open'), stream: 'other/shop/0' })).toThrow(
    'object the/key is corrupt: it says that it is v7 of other/shop/0',
  )
})

it.each(KINDS)('refuses a %s that lacks a field, whichever', (kind) => {
  for (const field of Object.keys(record(kind))) {
    const { [field]: _absent, ...rest } = record(kind)
    expect(() => parse(rest), field).toThrow(CorruptObjectError)
  }
})

it('refuses other formats and kinds', () => {
  expect(() => parse({ ...record('open'), format: 2 })).toThrow(CorruptObjectError)
  expect(() => parse({ ...record('open'), kind: 'closed?' })).toThrow(CorruptObjectError)
})

it('refuses what refers to a record that comes after it: no search may go in circles', () => {
  const head = { n: 7, writer: 'w', open: 1, restore: false, version: 7 }
  const version = record('version')
  const manifest = version['manifest'] as object
  const hostile = [
    { ...version, parent: 7 },
    { ...version, open: 8 },
    { ...version, manifest: { ...manifest, base: 7 } },
    { ...version, log: { ...EMPTY_LOG, head: { ...head, version: 8 } } },
    { ...version, log: { ...EMPTY_LOG, lastSwitch: 8 } },
    { ...record('open'), previousSwitch: 7 },
    { ...record('open'), continues: { writer: 'w', open: 7 } },
    { ...record('restore'), resolved: 7 },
  ]
  for (const each of hostile) expect(() => parse(each)).toThrow(CorruptObjectError)
  expect(parse({ ...version, log: { ...EMPTY_LOG, head } })).toBeDefined()
})

it('any value is a record or a CorruptObjectError', () => {
  const fields = Object.keys({ ...record('version'), ...record('open') })
  const mutated = fc
    .tuple(fc.constantFrom(...KINDS), fc.constantFrom(...fields), fc.jsonValue())
    .map(([kind, field, value]) => ({ ...record(kind), [field]: value }))
  fc.assert(
    fc.property(fc.oneof(fc.jsonValue(), mutated), (header) => {
      try {
        parse(header)
      } catch (error) {
        expect(error).toBeInstanceOf(CorruptObjectError)
      }
    }),
    { numRuns: 500 },
  )
})

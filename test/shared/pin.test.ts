import * as fc from 'fast-check'
import { expect, it } from 'vitest'
import { UsageError } from '../../shared/errors.ts'
import { formatPinTime, parsePin, tagProblem } from '../../shared/pin.ts'

it.each([
  ['v1', { kind: 'version', number: 1 }],
  ['v42', { kind: 'version', number: 42 }],
  ['v999999999999', { kind: 'version', number: 999_999_999_999 }],
  ['latest', { kind: 'latest' }],
  ['fresh', { kind: 'fresh' }],
  ['20261120T141500Z', { kind: 'time', time: new Date('2026-11-20T14:15:00Z') }],
  ['before-upgrade', { kind: 'tag', tag: 'before-upgrade' }],
  ['1.4', { kind: 'tag', tag: '1.4' }],
  ['V', { kind: 'tag', tag: 'V' }],
])('%s is a pin', (text, pin) => {
  expect(parsePin(text)).toEqual(pin)
})

it.each([
  ['v0', 'reads like a version'],
  ['v042', 'reads like a version'],
  ['V42', 'reads like a version'],
  ['v1000000000000', 'reads like a version'],
  ['20261120T1415', 'reads like a time'],
  ['20261120T141500', 'reads like a time'],
  ['20260230T000000Z', 'reads like a time'],
  ['20261120t141500z', 'reads like a time'],
  ['00261120T141500Z', 'reads like a time'],
  ['', 'label value'],
  ['-a', 'label value'],
  ['a/b', 'label value'],
  ['a\n', 'label value'],
  ['x'.repeat(64), 'label value'],
])('%j is refused, and what is allowed is said', (text, problem) => {
  expect(() => parsePin(text)).toThrow(UsageError)
  expect(() => parsePin(text)).toThrow(problem)
  expect(() => parsePin(text)).toThrow('allowed are v42, latest, fresh, a tag, or a time (UTC)')
})

it('a time that is written is the time that is read', () => {
  const time = fc.date({
    min: new Date('1000-01-01T00:00:00Z'),
    max: new Date('9999-12-31T23:59:59Z'),
    noInvalidDate: true,
  })
  fc.assert(
    fc.property(time, (date) => {
      date.setUTCMilliseconds(0)
      expect(parsePin(formatPinTime(date))).toEqual({ kind: 'time', time: date })
    }),
  )
})

it('what may be a tag reads as that tag and nothing else; any text is a pin or a UsageError', () => {
  const nearPins = fc.stringMatching(/^[vV0-9TZtz.latesfrh-]{0,20}$/)
  fc.assert(
    fc.property(fc.oneof(fc.string(), nearPins), (text) => {
      if (tagProblem(text) === undefined) expect(parsePin(text)).toEqual({ kind: 'tag', tag: text })
      else
        try {
          expect(parsePin(text).kind).not.toBe('tag')
        } catch (error) {
          expect(error).toBeInstanceOf(UsageError)
        }
    }),
    { numRuns: 1000 },
  )
})

import * as fc from 'fast-check'
import { expect, it } from 'vitest'
import {
  newPackName,
  numberOfVersionKey,
  packKey,
  tagKey,
  versionKey,
} from '../../../shared/repository/object-keys.ts'

const STREAM = { namespace: 'shop', app: 'shop', slot: '0' }
const number = fc.integer({ min: 1, max: 10 ** 12 - 1 })

it('a newer version has a smaller key, and each key says its number', () => {
  fc.assert(
    fc.property(number, number, (a, b) => {
      expect(numberOfVersionKey(versionKey(STREAM, a))).toBe(a)
      expect(versionKey(STREAM, a) < versionKey(STREAM, b)).toBe(a > b)
    }),
  )
})

it('spells keys as the format says', () => {
  expect(versionKey(STREAM, 42)).toBe('v1/streams/shop/shop/0/versions/999999999958-v42')
  expect(packKey(STREAM, 'v42')).toBe(versionKey(STREAM, 42))
  expect(packKey(STREAM, 'ab')).toBe('v1/streams/shop/shop/0/packs/ab')
  expect(tagKey(STREAM, 'before-upgrade')).toBe('v1/streams/shop/shop/0/tags/before-upgrade')
  expect(newPackName()).toMatch(/^[0-9a-f]{32}$/)
})

it.each([0, -1, 1.5, 10 ** 12, NaN])('there is no number %d', (n) => {
  expect(() => versionKey(STREAM, n)).toThrow(RangeError)
})

it.each([
  'v1/streams/shop/shop/0/versions/999999999958-v43',
  'v1/streams/shop/shop/0/versions/99999999958-v42',
  'v1/streams/shop/shop/0/packs/999999999958-v42',
])('%s is no key of a version', (key) => {
  expect(numberOfVersionKey(key)).toBeUndefined()
})

import { expect, it } from 'vitest'
import { CorruptObjectError } from '../../../shared/errors.ts'
import { giveBack } from '../../../shared/repository/give-back.ts'
import { ManifestDecoder } from '../../../shared/repository/manifest-decoder.ts'

const LINES = '{"packs":[]}\n{"name":"0/a","type":"gone"}\n'
const ownBytes = () => Buffer.from(new Uint8Array(Buffer.from(LINES)).buffer)

it('gives back what nothing else is a part of', () => {
  const bytes = ownBytes()
  giveBack(bytes, ownBytes())
  expect(bytes).toHaveLength(0)
})

it('leaves what others have a part of', () => {
  const whole = ownBytes()
  const part = whole.subarray(3)
  for (const from of [whole, ownBytes()]) giveBack(part, from)
  giveBack(whole, whole)
  expect(part.toString()).toBe(LINES.slice(3))
})

it('a block that is read too late is no block without lines', () => {
  const bytes = ownBytes()
  const lines = new ManifestDecoder('key', 'v7').decode(bytes)
  giveBack(bytes, ownBytes())
  expect(() => [...lines]).toThrow(CorruptObjectError)
})

import * as fc from 'fast-check'
import * as v from 'valibot'
import { expect, it } from 'vitest'
import { MAX_FRAME_BYTES } from '../../../shared/repository/frame.ts'
import { EntryLine } from '../../../shared/repository/manifest-decoder.ts'
import { usualFile } from '../../../shared/repository/usual-line.ts'

const ID = 'ab'.repeat(32)
const USUAL = {
  name: '0/a',
  mode: 0o644,
  uid: 1000,
  gid: 1000,
  type: 'file',
  sizeBytes: 3,
  mtimeNs: '-1',
  ctimeNs: '17',
  inode: '12',
  chunks: [[ID, 3, 0, 8, 20, 40, 5]],
}

/** What a field may be told to be, by mistake or on purpose. */
const anything = fc.oneof(
  fc.constantFrom(-1, 0, 0.5, Number.NaN, MAX_FRAME_BYTES, MAX_FRAME_BYTES + 1, 2 ** 53, 0o10000),
  fc.constantFrom('', '1', '-', '1n', '9'.repeat(31), ID, ID.toUpperCase(), 'symlink', '0/../b'),
  fc.constantFrom(null, true, [], {}, [[]], [[0, 3]]),
  fc.string(),
  fc.integer(),
)

it('takes a usual line', () => {
  expect(usualFile(USUAL, () => true)).toEqual(v.parse(EntryLine, USUAL))
})

it('takes no line that the schema refuses, and reads what it takes as the schema does', () => {
  const fields = fc.constantFrom(...Object.keys(USUAL), 'stale', 'hardLinkOf', 'attributes', 'more')
  const places = fc.nat({ max: 9 })
  fc.assert(
    fc.property(fields, places, anything, fc.boolean(), (field, place, value, inChunk) => {
      const chunk: unknown[] = [...(USUAL.chunks[0] ?? [])]
      chunk[place] = value
      const line = inChunk ? { ...USUAL, chunks: [chunk] } : { ...USUAL, [field]: value }
      const isName = (name: string) => v.safeParse(EntryLine, { ...USUAL, name }).success
      const taken = usualFile(line, isName)
      const judged = v.safeParse(EntryLine, line)
      if (taken !== undefined) expect(judged.success && judged.output).toEqual(taken)
    }),
    { numRuns: 3000 },
  )
})

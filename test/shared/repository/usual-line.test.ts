import * as fc from 'fast-check'
import { expect, it } from 'vitest'
import { CorruptObjectError } from '../../../shared/errors.ts'
import type { Entry, PackedFrame } from '../../../shared/repository/entry.ts'
import { EntryTable } from '../../../shared/repository/entry-table.ts'
import { MAX_FRAME_BYTES } from '../../../shared/repository/frame.ts'
import { encodeManifest } from '../../../shared/repository/manifest.ts'
import { ManifestDecoder } from '../../../shared/repository/manifest-decoder.ts'
import { UsualLine } from '../../../shared/repository/usual-line.ts'
import { anyEntries } from './any-manifest.ts'

const ID = 'ab'.repeat(32)
const PACK = 'c'.repeat(32)
const METADATA = { name: '0/a', mode: 0o644, uid: 1000, gid: 1000 }
const TIMES = { mtimeNs: '1795197340593900671', ctimeNs: '17', inode: '12' }
const FILE = {
  ...METADATA,
  type: 'file',
  sizeBytes: 3,
  chunks: [[ID, 3, 0, 8, 20, 40, 5]],
  ...TIMES,
}
const DIRECTORY = { ...METADATA, type: 'directory', ...TIMES }

const frameAt = (pack: number, offset: number, storedBytes: number, plainBytes: number) =>
  pack === 0 ? { pack: PACK, offset, storedBytes, plainBytes } : undefined

/** What the line is taken for, if it is. */
function taken(line: string): Entry | undefined {
  const usual = new UsualLine()
  const bytes = Buffer.from(`${line}\n`)
  if (!usual.read(bytes, 0, frameAt)) return undefined
  expect(usual.end).toBe(bytes.length)
  return usual.entry
}

/** What the schema makes of it: a space keeps it from being usual. Undefined: it is refused. */
function judged(line: string): Entry | undefined {
  const decoder = new ManifestDecoder('key', 'v7')
  const lines = `{"packs":["${PACK}"]}\n ${line}\n`
  try {
    for (const said of decoder.decode(Buffer.from(lines)))
      return said.kind === 'entry' ? said.entry : undefined
  } catch (error) {
    expect(error).toBeInstanceOf(CorruptObjectError)
  }
  return undefined
}

/** What a field may be told to be, by mistake or on purpose. */
const anything = fc.oneof(
  fc.constantFrom(-1, 0, 0.5, MAX_FRAME_BYTES, MAX_FRAME_BYTES + 1, 2 ** 53, 0o10000, 1e21),
  fc.constantFrom('', '1', '-', '-1', '007', '1n', '9'.repeat(31), '9'.repeat(19), '0x1'),
  fc.constantFrom(ID, ID.toUpperCase(), 'symlink', '0/../b', '0/é', '00/a', '0//b', '0/.b', '7'),
  fc.constantFrom(null, true, [], {}, [[]], [[0, 3]], [[ID, 3, 0, 8, 20, 40, 5, 1, 2]]),
  fc.bigInt({ min: 0n, max: 2n ** 64n }).map(String),
  fc.string(),
  fc.integer(),
)

it.each([FILE, DIRECTORY, { ...FILE, sizeBytes: 0, chunks: [] }])(
  'takes a usual line: %j',
  (line) => {
    const text = JSON.stringify(line)
    expect(taken(text)).toBeDefined()
    expect(taken(text)).toEqual(judged(text))
  },
)

it('takes no line that the schema refuses, and reads what it takes as the schema does', () => {
  const fields = fc.constantFrom(...Object.keys(FILE), 'stale', 'hardLinkOf', 'attributes', 'more')
  const places = fc.nat({ max: 9 })
  fc.assert(
    fc.property(fields, places, anything, fc.boolean(), (field, place, value, inChunk) => {
      const chunk: unknown[] = [...(FILE.chunks[0] ?? [])]
      chunk[place] = value
      const line = inChunk ? { ...FILE, chunks: [chunk] } : { ...FILE, [field]: value }
      const text = JSON.stringify(line)
      const entry = taken(text)
      if (entry !== undefined) expect(judged(text)).toEqual(entry)
    }),
    { numRuns: 3000 },
  )
})

it('nor one in which bytes have been replaced, inserted or left out', () => {
  const edit = fc.record({
    at: fc.nat(400),
    drop: fc.nat(2),
    bytes: fc.oneof(
      fc.string(),
      fc.constantFrom('0', '"', '/', ',', ']', '\\n', '\\', '\0', 'é', '1'),
    ),
  })
  fc.assert(
    fc.property(fc.constantFrom(FILE, DIRECTORY), edit, (line, { at, drop, bytes }) => {
      const whole = JSON.stringify(line)
      const text = whole.slice(0, at) + bytes + whole.slice(at + drop)
      if (text.includes('\n')) return
      const entry = taken(text)
      if (entry !== undefined) expect(judged(text)).toEqual(entry)
    }),
    { numRuns: 3000 },
  )
})

it('takes every number of 64 bits for what it is', () => {
  const times = fc.bigInt({ min: 0n, max: 9_223_372_035_999_999_999n })
  fc.assert(
    fc.property(times, times, times, (mtimeNs, ctimeNs, inode) => {
      const line = JSON.stringify({
        ...FILE,
        mtimeNs: String(mtimeNs),
        ctimeNs: String(ctimeNs),
        inode: String(inode),
      })
      expect(taken(line)).toMatchObject({ mtimeNs, ctimeNs, inode })
    }),
  )
})

it('a table holds the same, whether it is given lines or entries, new ones or others of the same names', () => {
  fc.assert(
    fc.property(fc.array(anyEntries, { minLength: 1, maxLength: 4 }), (versions) => {
      const [fromLines, fromEntries] = [new EntryTable(), new EntryTable()]
      for (const entries of versions) {
        const decoder = new ManifestDecoder('key', 'v7')
        for (const block of encodeManifest(
          { changed: entries.values(), gone: [], faults: [] },
          'inline',
        ))
          for (const line of decoder.decode(block)) {
            if (line.kind !== 'entry') throw new Error(line.kind)
            fromEntries.set(line.entry)
            if (line instanceof UsualLine) fromLines.setUsual(line)
            else fromLines.set(line.entry)
          }
      }
      expect([...fromLines]).toEqual([...fromEntries])
      for (const name of fromEntries.keys())
        expect(fromLines.rowOf(name)).toBe(fromEntries.rowOf(name))
    }),
  )
})

it('reads many chunks of a file, each with the frame that it lies in', () => {
  const frames: PackedFrame[] = [8, 28].map((offset) => ({
    pack: PACK,
    offset,
    storedBytes: 20,
    plainBytes: 40,
  }))
  const chunks = Array.from({ length: 100 }, (_, i) => {
    const id = i.toString(16).padStart(64, '0')
    return [id, 3, 0, frames[i % 2]?.offset ?? 0, 20, 40, i % 37]
  })
  const text = JSON.stringify({ ...FILE, sizeBytes: 300, chunks })
  expect(taken(text)).toEqual(judged(text))
})

import * as fc from 'fast-check'
import { expect, it } from 'vitest'
import { CorruptObjectError } from '../../../shared/errors.ts'
import type { Entry } from '../../../shared/repository/entry.ts'
import {
  applyDeltaInPlace,
  decodeManifest,
  encodeManifest,
} from '../../../shared/repository/manifest.ts'
import { anyEntries, anyFaults } from './any-manifest.ts'

const sorted = (entries: Iterable<Entry>) =>
  [...entries].toSorted((a, b) => (a.name < b.name ? -1 : 1))

const encodeAll = (changed: Entry[]) => encodeManifest({ changed, gone: [], faults: [] }, '')

/** As `decodeManifest` gives it back once the object is v7: what lay "inline" lies there. */
const inVersion7 = (entry: Entry): Entry =>
  entry.type !== 'file'
    ? entry
    : {
        ...entry,
        chunks: entry.chunks.map((chunk) =>
          'hole' in chunk || chunk.pack !== 'inline' ? chunk : { ...chunk, pack: 'v7' },
        ),
      }

it('gives back any entries and faults', () => {
  fc.assert(
    fc.property(anyEntries, anyFaults, (entries, faults) => {
      const changed = [...entries.values()]
      const bytes = encodeManifest({ changed, gone: [], faults }, 'inline')
      const read = decodeManifest('key', bytes, 'v7')
      expect(read.faults).toEqual(faults)
      expect(read.changed).toEqual(sorted(entries.values()).map(inVersion7))
    }),
  )
})

it('a delta, applied to its base, is the full manifest', () => {
  fc.assert(
    fc.property(anyEntries, anyEntries, (before, after) => {
      const delta = encodeManifest(
        {
          changed: [...after.values()],
          gone: [...before.keys()].filter((name) => !after.has(name)),
          faults: [],
        },
        'inline',
      )
      const entries = new Map(before)
      applyDeltaInPlace(entries, decodeManifest('key', delta, 'v7'))
      expect(sorted(entries.values())).toEqual(sorted(after.values()).map(inVersion7))
    }),
  )
})

it('is the same bytes for the same entries in any order', () => {
  fc.assert(
    fc.property(anyEntries, (entries) => {
      const changed = [...entries.values()].filter((entry) => entry.type !== 'file')
      expect(encodeAll(changed.toReversed())).toEqual(encodeAll(changed))
    }),
  )
})

const DIRECTORY = { mode: 0o755, uid: 0, gid: 0, mtimeNs: '0', ctimeNs: '0', inode: '1' }
const ID = 'a'.repeat(64)

function decodeLines(...lines: unknown[]) {
  const text = lines.map((line) => `${JSON.stringify(line)}\n`).join('')
  return decodeManifest('the/key', Buffer.from(text), 'v7')
}

it.each([
  ['..'],
  ['0/..'],
  ['0/../etc/passwd'],
  ['0/a/../../b'],
  ['/etc/passwd'],
  ['0//a'],
  ['0/'],
  ['0/.'],
  ['0/a\0b'],
  [''],
  ['etc'],
  ['00/a'],
  ['-1/a'],
  ['0/\ud800'],
  ['0/\udc2e\udc2e'],
  ['0/\udd00'],
])('refuses the unsafe name %j, as an entry, as gone and as a hard link', (name) => {
  const head = { packs: [] }
  expect(() => decodeLines(head, { ...DIRECTORY, name, type: 'directory' })).toThrow(
    CorruptObjectError,
  )
  expect(() => decodeLines(head, { name, type: 'gone' })).toThrow(CorruptObjectError)
  const link = { ...DIRECTORY, name: '0/b', type: 'file', sizeBytes: 0, chunks: [] }
  expect(() => decodeLines(head, { ...link, hardLinkOf: name })).toThrow(CorruptObjectError)
})

const FILE = { ...DIRECTORY, name: '0/f', type: 'file', sizeBytes: 5 }

it.each([
  ['a chunk in a pack that is not named', { chunks: [[ID, 5, 1, 0, 5, 5, 0]] }],
  ['a chunk that ends outside of its frame', { chunks: [[ID, 5, 0, 0, 5, 5, 1]] }],
  ['chunks of another size than the file', { chunks: [[ID, 4, 0, 0, 5, 5, 0]] }],
  ['a hole where the file has no room', { chunks: [[0, 6]] }],
  ['a chunk id that is no hash', { chunks: [['../x', 5, 0, 0, 5, 5, 0]] }],
  ['a negative length', { chunks: [[ID, -5, 0, 0, 5, 5, 0]] }],
  ['half a byte', { sizeBytes: 0.5, chunks: [[0, 0.5]] }],
  ['a type that there is not', { type: 'socket', chunks: [] }],
  ['mode bits that there are not', { mode: 0o10000, chunks: [[0, 5]] }],
  ['a time that is no number', { mtimeNs: 'now', chunks: [[0, 5]] }],
])('refuses %s', (_what, parts) => {
  const packs = { packs: ['f'.repeat(32)] }
  expect(decodeLines(packs, { ...FILE, chunks: [[ID, 5, 0, 0, 5, 5, 0]] }).changed).toHaveLength(1)
  expect(() => decodeLines(packs, { ...FILE, ...parts })).toThrow(CorruptObjectError)
})

it.each([['', 'a/b', '../packs/x', 'v0', 'V1', 'F'.repeat(32)]])(
  'refuses the pack name %j',
  (name) => {
    expect(() => decodeLines({ packs: [name] })).toThrow(CorruptObjectError)
  },
)

it.each(['', 'a\0b'])('refuses the link target %j', (target) => {
  const link = { ...DIRECTORY, name: '0/l', type: 'symlink', target }
  expect(() => decodeLines({ packs: [] }, link)).toThrow(CorruptObjectError)
})

it('any bytes are a manifest or a CorruptObjectError', () => {
  const anyLine = fc.oneof(fc.json(), fc.string(), fc.constant('{"packs":[]}'))
  const garbage = fc.oneof(
    fc.uint8Array({ maxLength: 200 }).map((array) => Buffer.from(array)),
    fc.array(anyLine, { maxLength: 4 }).map((lines) => Buffer.from(lines.join('\n'))),
  )
  fc.assert(
    fc.property(garbage, (bytes) => {
      try {
        decodeManifest('key', bytes, 'v7')
      } catch (error) {
        expect(error).toBeInstanceOf(CorruptObjectError)
      }
    }),
    { numRuns: 500 },
  )
})

it('a manifest in which one byte differs is another manifest or a CorruptObjectError', () => {
  fc.assert(
    fc.property(anyEntries, fc.nat(), fc.integer({ min: 1, max: 255 }), (entries, at, flip) => {
      const bytes = encodeManifest({ changed: [...entries.values()], gone: [], faults: [] }, '')
      const i = at % bytes.length
      bytes[i] = (bytes[i] ?? 0) ^ flip
      try {
        decodeManifest('key', bytes, 'v7')
      } catch (error) {
        expect(error).toBeInstanceOf(CorruptObjectError)
      }
    }),
  )
})

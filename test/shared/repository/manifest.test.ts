import * as fc from 'fast-check'
import { expect, it } from 'vitest'
import { CorruptObjectError } from '../../../shared/errors.ts'
import type { Entry, Fault } from '../../../shared/repository/entry.ts'
import { EntryTable } from '../../../shared/repository/entry-table.ts'
import type { ManifestDelta } from '../../../shared/repository/manifest.ts'
import { encodeManifest } from '../../../shared/repository/manifest.ts'
import { ManifestDecoder } from '../../../shared/repository/manifest-decoder.ts'
import { applyDelta } from '../../../shared/repository/version-object.ts'
import { anyEntries, anyFaults } from './any-manifest.ts'

const sorted = (entries: Iterable<Entry>) =>
  [...entries].toSorted((a, b) => (a.name < b.name ? -1 : 1))

const blocksOf = (delta: Partial<ManifestDelta>, self: string) => [
  ...encodeManifest({ changed: [], gone: [], faults: [], ...delta }, self),
]

/** All that blocks say, of an object that is v7. */
function decodeBlocks(key: string, blocks: readonly Buffer[]) {
  const decoder = new ManifestDecoder(key, 'v7')
  const said = { changed: [] as Entry[], gone: [] as string[], faults: [] as Fault[] }
  for (const block of blocks)
    for (const line of decoder.decode(block))
      if (line.kind === 'entry') said.changed.push(line.entry)
      else if (line.kind === 'gone') said.gone.push(line.name)
      else said.faults.push(line.fault)
  decoder.end()
  return said
}

/** As it is read once the object is v7: what lay "inline" lies there. */
const inVersion7 = (entry: Entry): Entry =>
  entry.type !== 'file'
    ? entry
    : {
        ...entry,
        chunks: entry.chunks.map((chunk) =>
          'hole' in chunk || chunk.frame.pack !== 'inline'
            ? chunk
            : { ...chunk, frame: { ...chunk.frame, pack: 'v7' } },
        ),
      }

it('gives back any entries and faults', () => {
  fc.assert(
    fc.property(anyEntries, anyFaults, (entries, faults) => {
      const changed = [...entries.values()]
      const read = decodeBlocks('key', blocksOf({ changed, faults }, 'inline'))
      expect(read).toEqual({ changed: changed.map(inVersion7), gone: [], faults })
    }),
  )
})

it('a delta, applied to its base, is the full manifest', async () => {
  await fc.assert(
    fc.asyncProperty(anyEntries, anyEntries, async (before, after) => {
      const gone = [...before.keys()].filter((name) => !after.has(name))
      const delta = blocksOf({ changed: after.values(), gone }, 'inline')
      const entries = EntryTable.of(before.values())
      const decoder = new ManifestDecoder('key', 'v7')
      await applyDelta(
        entries,
        delta.map((block) => decoder.decode(block)),
      )
      expect(sorted(entries.values())).toEqual(sorted(after.values()).map(inVersion7))
    }),
  )
})

it('of many entries comes in blocks of about 1 MiB, of whole lines, each of which names the packs it is the first to need', () => {
  const changed = Array.from({ length: 20_000 }, (_, i): Entry => {
    const pack = Math.floor(i / 1000)
      .toString(16)
      .padStart(32, '0')
    const frame = { pack, offset: 11, storedBytes: 5, plainBytes: 5 }
    const chunks = [{ id: ID, lengthBytes: 5, frame, start: 0 }]
    const times = { mtimeNs: 0n, ctimeNs: 0n, inode: 1n }
    return { ...DIRECTORY, ...times, name: `0/${i}`, type: 'file', sizeBytes: 5, chunks }
  })
  const blocks = blocksOf({ changed }, 'inline')
  expect(blocks.length).toBeGreaterThan(3)
  for (const block of blocks) {
    expect(block.length).toBeLessThan(1.2 * 1024 * 1024)
    expect(block.at(-1)).toBe(10)
  }
  expect(blocks[1]?.includes('{"packs":["')).toBe(true)
  expect(decodeBlocks('key', blocks).changed).toEqual(changed)
})

it('is read in blocks that end at any line', () => {
  fc.assert(
    fc.property(anyEntries, anyFaults, (entries, faults) => {
      const [whole = Buffer.alloc(0)] = blocksOf({ changed: entries.values(), faults }, 'inline')
      const lines = whole.toString().split(/(?<=\n)/)
      const blocks = lines.map((line) => Buffer.from(line))
      expect(decodeBlocks('key', blocks)).toEqual(decodeBlocks('key', [whole]))
    }),
  )
})

const DIRECTORY = { mode: 0o755, uid: 0, gid: 0, mtimeNs: '0', ctimeNs: '0', inode: '1' }
const ID = 'a'.repeat(64)

function decodeLines(...lines: unknown[]) {
  const text = lines.map((line) => `${JSON.stringify(line)}\n`).join('')
  return decodeBlocks('the/key', [Buffer.from(text)])
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
  [`0/${'a'.repeat(70_000)}`],
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
  ['more of a chunk than it has', { chunks: [[ID, 5, 0, 0, 5, 5, 0, 1, 5]] }],
  ['half a slice', { chunks: [[ID, 5, 0, 0, 5, 5, 0, 0]] }],
  ['a frame larger than any', { sizeBytes: 2 ** 31, chunks: [[ID, 2 ** 31, 0, 0, 5, 2 ** 31, 0]] }],
  ['attributes that are no base64', { attributes: { 'user.a': '!' }, chunks: [[0, 5]] }],
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
        decodeBlocks('key', [bytes])
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
      const bytes = Buffer.concat(blocksOf({ changed: entries.values() }, ''))
      const i = at % bytes.length
      bytes[i] = (bytes[i] ?? 0) ^ flip
      try {
        decodeBlocks('key', [bytes])
      } catch (error) {
        expect(error).toBeInstanceOf(CorruptObjectError)
      }
    }),
  )
})

/** Random entries as a volume could have them: any bytes as names, every kind of metadata, holes, hard links. */
import * as fc from 'fast-check'
import type {
  ChunkRef,
  Entry,
  Fault,
  FileEntry,
  StoredChunk,
} from '../../../shared/repository/entry.ts'
import { bytesOf } from '../../../shared/repository/entry.ts'

const nastyUnit = fc.constantFrom(
  'a',
  'é',
  '\n',
  '"',
  '\\',
  ' ',
  '\udc80',
  '\udcff',
  '😀',
  '-',
  '\t',
)
/** One part of a path; bytes that are not UTF-8 stand as lone surrogates. */
export const part = fc
  .string({ unit: nastyUnit, minLength: 1, maxLength: 4 })
  .filter((name) => name !== '.' && name !== '..')
const hex = (length: number) =>
  fc.string({
    unit: fc.constantFrom(...'0123456789abcdef'.split('')),
    minLength: length,
    maxLength: length,
  })

function sliced(chunk: StoredChunk): fc.Arbitrary<StoredChunk> {
  return fc
    .nat(chunk.lengthBytes)
    .chain((from) =>
      fc
        .nat(chunk.lengthBytes - from)
        .map((lengthBytes) => ({ ...chunk, slice: { from, lengthBytes } })),
    )
}

const chunk: fc.Arbitrary<ChunkRef> = fc.oneof(
  fc.record({ hole: fc.integer({ min: 1, max: 2 ** 40 }) }),
  fc
    .record({
      id: hex(64),
      lengthBytes: fc.nat(5000),
      pack: fc.oneof(hex(32), fc.constantFrom('v1', 'v42', 'inline')),
      offset: fc.nat(2 ** 40),
      storedBytes: fc.nat(5000),
      start: fc.nat(5000),
      room: fc.nat(10),
    })
    .map(({ pack, offset, storedBytes, room, ...rest }) => ({
      ...rest,
      frame: { pack, offset, storedBytes, plainBytes: rest.start + rest.lengthBytes + room },
    }))
    .chain((stored) => fc.oneof(fc.constant(stored), sliced(stored))),
)

/** Mostly within 64 bits of nanoseconds, which end in 2262. */
const anyTime = fc.oneof(
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  fc.bigInt({ min: -(10n ** 30n) + 1n, max: 10n ** 30n - 1n }),
)
const metadata = {
  mode: fc.nat(0o7777),
  uid: fc.nat(2 ** 32 - 1),
  gid: fc.nat(2 ** 32 - 1),
  mtimeNs: anyTime,
  ctimeNs: anyTime,
  inode: fc.bigInt({ min: 1n, max: 2n ** 64n - 1n }),
}
/** With their name space, as the system has them. (V8 of Node 24 misreads keys of one escaped character.) */
const attributeName = part.map((name) => `user.${name}`)
const flag = fc
  .tuple(
    fc.constantFrom({}, { stale: true as const }),
    fc.option(
      fc.dictionary(attributeName, fc.base64String({ maxLength: 8 }), { noNullPrototype: true }),
      {
        nil: undefined,
      },
    ),
  )
  .map(([stale, attributes]) => ({ ...stale, ...(attributes !== undefined && { attributes }) }))

const file = fc
  .tuple(
    fc.record(metadata),
    fc.array(chunk, { maxLength: 3 }),
    flag,
    fc.constantFrom({}, { unstable: true as const }),
  )
  .map(([rest, chunks, stale, unstable]) => ({
    ...rest,
    ...stale,
    ...unstable,
    type: 'file' as const,
    chunks,
    sizeBytes: chunks.reduce((sum, c) => sum + bytesOf(c), 0),
  }))
const symlink = fc
  .tuple(fc.record(metadata), part, flag)
  .map(([rest, target, stale]) => ({ ...rest, ...stale, type: 'symlink' as const, target }))
const directory = fc
  .tuple(fc.record(metadata), flag)
  .map(([rest, stale]) => ({ ...rest, ...stale, type: 'directory' as const }))

const leaf = fc.oneof(
  { weight: 3, arbitrary: file },
  { weight: 1, arbitrary: symlink },
  { weight: 1, arbitrary: directory },
)

/** A version's entries: a declared path, directories in it, files and links in these. */
export const anyEntries: fc.Arbitrary<Map<string, Entry>> = fc
  .tuple(
    directory,
    fc.dictionary(part, fc.tuple(directory, fc.dictionary(part, leaf, { maxKeys: 4 })), {
      maxKeys: 3,
      noNullPrototype: true,
    }),
    fc.nat(3),
  )
  .map(([root, tree, links]) => {
    const entries: Entry[] = [{ ...root, name: '0' }]
    for (const [name, [dir, leaves]] of Object.entries(tree)) {
      entries.push({ ...dir, name: `0/${name}` })
      for (const [below, entry] of Object.entries(leaves))
        entries.push({ ...entry, name: `0/${name}/${below}` })
    }
    const first = entries.find((entry): entry is FileEntry => entry.type === 'file')
    if (first !== undefined)
      for (let i = 0; i < links; i += 1)
        entries.push({ ...first, name: `0/link ${i}`, hardLinkOf: first.name })
    return new Map(entries.map((entry) => [entry.name, entry]))
  })

export const anyFaults: fc.Arbitrary<Fault[]> = fc.array(
  fc.record({
    name: part.map((name) => `0/${name}`),
    kind: fc.constantFrom('unreadable' as const, 'unstable', 'skipped', 'notRestorable'),
    why: fc.string(),
  }),
  { maxLength: 3 },
)

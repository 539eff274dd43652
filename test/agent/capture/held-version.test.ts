import * as fc from 'fast-check'
import { expect, it } from 'vitest'
import { HeldVersion } from '../../../agent/capture/held-version.ts'
import { knownRoots, remapRoots } from '../../../agent/capture/remap-roots.ts'
import type { Entry, FileEntry } from '../../../shared/repository/entry.ts'
import { EntryTable } from '../../../shared/repository/entry-table.ts'
import { anyEntries } from '../../shared/repository/any-manifest.ts'

function chunkIds(entries: ReadonlyMap<string, Entry>): Set<string> {
  return new Set(
    [...entries.values()].flatMap((entry) =>
      entry.type === 'file' ? entry.chunks.flatMap((c) => ('hole' in c ? [] : c.id)) : [],
    ),
  )
}

it('after any changes holds what a version made anew of them holds: entries, counts, and chunks that may be referred to', () => {
  fc.assert(
    fc.property(anyEntries, fc.array(anyEntries, { maxLength: 4 }), (first, others) => {
      const held = new HeldVersion({ entries: first, faults: [] })
      const seen = chunkIds(first)
      for (const next of others) {
        const gone = new Set([...held.entries.keys()].filter((name) => !next.has(name)))
        const changed = EntryTable.of(next.values())
        const counts = held.countsAfter(changed, gone)
        held.advance(changed, gone, [])
        const anew = new HeldVersion({ entries: next, faults: [] })
        expect(new Map(held.entries)).toEqual(next)
        expect(counts).toEqual(anew.counts)
        for (const id of chunkIds(next)) seen.add(id)
        for (const id of seen)
          expect(held.chunk(Buffer.from(id, 'hex')) !== undefined, id).toBe(chunkIds(next).has(id))
      }
    }),
  )
})

const METADATA = { mode: 0o644, uid: 0, gid: 0, mtimeNs: 0n, ctimeNs: 0n, inode: 1n }
const file = (name: string, hardLinkOf?: string): FileEntry => ({
  ...METADATA,
  name,
  type: 'file',
  sizeBytes: 0,
  chunks: [],
  ...(hardLinkOf !== undefined && { hardLinkOf }),
})
const paths = (...list: string[]) => list.map((path) => ({ path }))
const manifestOf = (...entries: Entry[]) => ({
  entries: new Map(entries.map((entry) => [entry.name, entry])),
  faults: [{ name: '1/x', kind: 'skipped' as const, why: 'socket' }],
})

it('a declaration whose paths stand in another order has the same entries under other numbers', () => {
  const { entries, faults } = remapRoots(
    manifestOf(file('0/a'), file('1/b', '0/a'), file('10/c')),
    paths('/a', '/b', ...Array.from({ length: 9 }, (_, i) => `/${i}`)),
    paths('/8', '/b', '/a'),
  )
  expect([...entries.values()]).toEqual([file('2/a'), file('1/b', '2/a'), file('0/c')])
  expect(faults).toEqual([{ name: '1/x', kind: 'skipped', why: 'socket' }])
})

it('a path that is declared no more is left out; a link to what lies there is a file of its own', () => {
  const { entries, faults } = remapRoots(
    manifestOf(file('0/a'), file('1/b', '0/a'), file('1/c', '0/a')),
    paths('/a', '/b'),
    paths('/b'),
  )
  expect([...entries.values()]).toEqual([file('0/b'), file('0/c')])
  expect(faults).toEqual([{ name: '0/x', kind: 'skipped', why: 'socket' }])
})

it('a path that a version does not know is not its business', () => {
  expect(knownRoots(paths('/a'), paths('/b', '/a'))).toEqual(new Set([1]))
})

import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import * as fc from 'fast-check'
import { expect, it } from 'vitest'
import type { Entry, FileEntry } from '../../../shared/repository/entry.ts'
import { EntryTable } from '../../../shared/repository/entry-table.ts'
import { isAtOrBelow } from '../../../shared/repository/names-below.ts'
import { anyEntries } from './any-manifest.ts'

type Step = { readonly set: Entry } | { readonly delete: string }

/** Entries that come and go under few names, so that most are met again. */
const steps: fc.Arbitrary<Step[]> = fc
  .array(fc.tuple(anyEntries, fc.boolean()), { maxLength: 12 })
  .map((list) =>
    list.flatMap(([entries, isKept]) =>
      [...entries.values()].map((entry) => (isKept ? { set: entry } : { delete: entry.name })),
    ),
  )

const sorted = (entries: Iterable<[string, Entry]>) =>
  [...entries].toSorted(([a], [b]) => (a < b ? -1 : 1))

/** Fills the table and a Map, and makes so much garbage between steps that it is collected. */
function play(
  list: readonly Step[],
  garbage: number,
): { table: EntryTable; map: Map<string, Entry> } {
  const table = new EntryTable()
  const map = new Map<string, Entry>()
  for (const step of list) {
    if ('set' in step) {
      table.set(step.set)
      map.set(step.set.name, step.set)
    } else expect(table.delete(step.delete)).toBe(map.delete(step.delete))
    for (let i = 0; i < garbage; i += 1) table.set(LARGE)
    if (garbage > 0) map.set(LARGE.name, LARGE)
  }
  return { table, map }
}

const METADATA = { mode: 0o644, uid: 0, gid: 0, mtimeNs: 1n, ctimeNs: 1n, inode: 1n }
const FRAME = { pack: 'f'.repeat(32), offset: 11, storedBytes: 10, plainBytes: 10 }
const idOf = (i: number) => i.toString(16).padStart(64, '0')
const fileOf = (name: string, chunks: number): FileEntry => ({
  ...METADATA,
  name,
  type: 'file',
  sizeBytes: chunks,
  chunks: Array.from({ length: chunks }, (_, i) => ({
    id: idOf(i),
    lengthBytes: 1,
    frame: FRAME,
    start: 0,
  })),
})
/** 1.1 MB as a record: garbage is collected each time it is replaced. */
const LARGE: Entry = { ...fileOf('0/large', 1), attributes: { 'user.a': 'A'.repeat(1_100_000) } }

it('holds what a Map holds, whatever is set and deleted', () => {
  fc.assert(
    fc.property(steps, (list) => {
      const { table, map } = play(list, 0)
      expect(table.size).toBe(map.size)
      expect(sorted(table)).toEqual(sorted(map))
      for (const step of list) {
        const name = 'set' in step ? step.set.name : step.delete
        expect(table.has(name)).toBe(map.has(name))
        expect(table.get(name)).toEqual(map.get(name))
        const entry = map.get(name)
        const glance = entry?.type === 'file' ? { ...entry, chunks: [] } : entry
        expect(table.glance(name)).toEqual(glance)
      }
    }),
  )
})

it('holds it after its garbage was collected, too', () => {
  fc.assert(
    fc.property(steps, (list) => {
      const { table, map } = play(list, 1)
      expect(table.size).toBe(map.size)
      for (const [name, entry] of map)
        if (name !== LARGE.name) expect(table.get(name)).toEqual(entry)
      expect([...table.keys()].toSorted()).toEqual([...map.keys()].toSorted())
    }),
    { numRuns: 20 },
  )
})

it('rows keep their numbers while their entries are there, and lead to the entry', () => {
  fc.assert(
    fc.property(steps, (list) => {
      const table = new EntryTable()
      const rows = new Map<string, number>()
      for (const step of list)
        if ('set' in step) {
          const row = table.set(step.set)
          if (rows.has(step.set.name)) expect(row).toBe(rows.get(step.set.name))
          rows.set(step.set.name, row)
        } else {
          table.delete(step.delete)
          rows.delete(step.delete)
        }
      expect(new Set(table.rows())).toEqual(new Set(rows.values()))
      for (const [name, row] of rows) {
        expect(table.nameAt(row)).toBe(name)
        expect(table.rowOf(name)).toBe(row)
        expect(row).toBeLessThan(table.endRow)
      }
    }),
  )
})

it('finds what lies at and below names, and directly in a directory', () => {
  fc.assert(
    fc.property(anyEntries, fc.nat(), (entries, pick) => {
      const table = EntryTable.of(entries.values())
      const names = [...entries.keys()]
      const top = names[pick % names.length] ?? '0'
      const tops = new Set([top, 'not there'])
      const below = [...table.rowsBelow(tops)].map((row) => table.nameAt(row))
      expect(below.toSorted()).toEqual(names.filter((name) => isAtOrBelow(name, tops)).toSorted())
      const inTop = names.filter((name) => name.slice(0, name.lastIndexOf('/')) === top)
      expect([...table.namesIn(top)].toSorted()).toEqual(
        inTop.filter((name) => name !== top).toSorted(),
      )
    }),
  )
})

it('finds chunks by their ids, and never a part of two neighbours', () => {
  fc.assert(
    fc.property(anyEntries, (entries) => {
      const table = EntryTable.of(entries.values())
      for (const entry of entries.values()) {
        if (entry.type !== 'file') continue
        const row = table.rowOf(entry.name) ?? -1
        const ids = entry.chunks.flatMap((chunk) => ('id' in chunk ? [chunk] : []))
        for (const chunk of ids) {
          const found = table.findChunk(row, Buffer.from(chunk.id, 'hex'))
          const first = ids.find(({ id }) => id === chunk.id)
          const { slice: _part, ...whole } = first ?? chunk
          expect(found).toEqual(whole)
        }
        expect([...table.idHashes(row)]).toEqual(
          ids.map(({ id }) => Buffer.from(id, 'hex').readUInt32LE()),
        )
        expect(table.findChunk(row, Buffer.alloc(32, 0xfe))).toBeUndefined()
      }
    }),
  )
})

it('sees the place of a frame that is filled in later', () => {
  const frame = { pack: '', offset: 0, storedBytes: 0, plainBytes: 0 }
  const chunks = [{ id: idOf(1), lengthBytes: 1, frame, start: 0 }]
  const table = EntryTable.of([{ ...fileOf('0/a', 0), sizeBytes: 1, chunks }])
  frame.pack = 'v7'
  frame.offset = 11
  expect(table.get('0/a')).toMatchObject({ chunks: [{ frame: { pack: 'v7', offset: 11 } }] })
})

it('costs less than 200 bytes an entry', () => {
  setFlagsFromString('--expose-gc')
  const gc = runInNewContext('gc') as () => void
  const usedBytes = () => {
    gc()
    const { heapUsed, arrayBuffers } = process.memoryUsage()
    return heapUsed + arrayBuffers
  }
  const before = usedBytes()
  const table = new EntryTable()
  const count = 200_000
  for (let i = 0; i < count; i += 1)
    table.set(fileOf(`0/directory number ${Math.floor(i / 20)}/a file of some name ${i}`, 1))
  const bytes = (usedBytes() - before) / count
  expect(table.size).toBe(count)
  expect(bytes).toBeLessThan(200)
})

import { expect, test } from 'vitest'
import type { StoredRun } from '../../../../agent/capture/sqlite/page-extents.ts'
import {
  WINDOW_BYTES,
  mostPieces,
  planRuns,
  replaceRuns,
} from '../../../../agent/capture/sqlite/page-extents.ts'
import type { ChunkRef } from '../../../../shared/repository/entry.ts'
import { bytesOf, isHole } from '../../../../shared/repository/entry.ts'
import { SeededRandom, runSeed } from '../../../support/seeded-random.ts'

function referenceTo(id: string, lengthBytes: number): ChunkRef {
  const frame = { pack: 'p', offset: 0, storedBytes: 1, plainBytes: 1 }
  return { id, lengthBytes, frame, start: 0 }
}

/** Keeps chunks by number, and puts files together from references to them. */
class Chunks {
  readonly #bytes = new Map<string, Buffer>()

  store(bytes: Buffer): ChunkRef {
    const id = String(this.#bytes.size)
    this.#bytes.set(id, Buffer.from(bytes))
    return referenceTo(id, bytes.length)
  }

  fileOf(references: readonly ChunkRef[]): Buffer {
    return Buffer.concat(
      references.map((reference) => {
        if (isHole(reference)) return Buffer.alloc(reference.hole)
        const from = reference.slice?.from ?? 0
        return (
          this.#bytes.get(reference.id)?.subarray(from, from + bytesOf(reference)) ?? Buffer.of()
        )
      }),
    )
  }
}

function storeRuns(
  chunks: Chunks,
  file: Buffer,
  held: readonly ChunkRef[],
  changed: readonly number[] | 'all',
  pageBytes: number,
): { references: ChunkRef[]; storedBytes: number } {
  const runs = planRuns(held, changed, pageBytes, file.length)
  const stored = runs.map(({ position, lengthBytes }): StoredRun => {
    expect(lengthBytes).toBeGreaterThan(0)
    expect(Math.floor(position / WINDOW_BYTES)).toBe(
      Math.floor((position + lengthBytes - 1) / WINDOW_BYTES),
    )
    return { position, chunk: chunks.store(file.subarray(position, position + lengthBytes)) }
  })
  return {
    references: replaceRuns(held, stored, file.length),
    storedBytes: runs.reduce((bytes, run) => bytes + run.lengthBytes, 0),
  }
}

/** Another size at times, and random pages with new content; the pages that are not as they were. */
function change(
  random: SeededRandom,
  file: Buffer,
  pageBytes: number,
): { file: Buffer; changed: number[] } {
  const pageCount = file.length / pageBytes
  const grown = random.below(4) === 0 ? random.below(120) - 60 : 0
  const count = Math.max(1, pageCount + grown)
  const next = Buffer.alloc(count * pageBytes)
  file.copy(next)
  const changed = new Set<number>()
  for (let page = pageCount; page < count; page += 1) changed.add(page)
  const runs = random.pick([0, 1, 5, 60])
  for (let i = 0; i < runs; i += 1) {
    const first = random.below(count)
    const last = Math.min(count, first + random.pick([1, 1, 1, 3, 200]))
    for (let page = first; page < last; page += 1) changed.add(page)
  }
  for (const page of changed) next.fill(random.below(256), page * pageBytes, (page + 1) * pageBytes)
  return { file: next, changed: [...changed].toSorted((a, b) => a - b) }
}

test('references with runs replaced, time and again, give the file byte for byte, and windows stay in few pieces', () => {
  const random = new SeededRandom(runSeed('page extents'))
  for (const pageBytes of [1024, 4096, 65_536]) {
    const chunks = new Chunks()
    let file: Buffer = Buffer.alloc(
      random.below(3 * (WINDOW_BYTES / pageBytes)) * pageBytes + pageBytes,
      1,
    )
    let { references } = storeRuns(chunks, file, [], 'all', pageBytes)
    for (let version = 0; version < 120; version += 1) {
      const next = change(random, file, pageBytes)
      ;({ references } = storeRuns(chunks, next.file, references, next.changed, pageBytes))
      file = next.file
      expect(chunks.fileOf(references).equals(file), `version ${version}`).toBe(true)
      const windowCount = Math.ceil(file.length / WINDOW_BYTES)
      expect(references.length).toBeLessThanOrEqual(256 * windowCount)
    }
  }
})

test('a file that was chunked in another way, with a hole and an odd end, is taken over as it lies', () => {
  const random = new SeededRandom(runSeed('page extents over other chunks'))
  const chunks = new Chunks()
  const first = Buffer.alloc(700_001, 3)
  const second = Buffer.alloc(900_000, 4)
  const held = [chunks.store(first), { hole: 123_456 }, chunks.store(second)]
  const file = Buffer.concat([chunks.fileOf(held), Buffer.alloc(4096)])
  file.fill(7, file.length - 8000)
  const pages = Math.ceil(file.length / 4096)
  const changed = new Set([pages - 3, pages - 2, pages - 1])
  for (let i = 0; i < 20; i += 1) changed.add(random.below(pages))
  for (const page of changed) file.fill(page, page * 4096, Math.min(file.length, (page + 1) * 4096))
  const sorted = [...changed].toSorted((a, b) => a - b)
  const { references } = storeRuns(chunks, file, held, sorted, 4096)
  expect(chunks.fileOf(references).equals(file)).toBe(true)
})

test('a few changed pages are stored as themselves, a window that is mostly new as a whole', () => {
  const chunks = new Chunks()
  const file = Buffer.alloc(4 * WINDOW_BYTES)
  const { references: held } = storeRuns(chunks, file, [], 'all', 4096)
  expect(held).toHaveLength(4)
  const few = storeRuns(chunks, file, held, [0, 300, 301, 1023], 4096)
  expect(few.storedBytes).toBe(4 * 4096)
  expect(few.references).toHaveLength(2 + 3 + 1 + 2)
  const many = Array.from({ length: 128 }, (_, i) => 256 + 2 * i)
  expect(planRuns(held, many, 4096, file.length)).toEqual([
    { position: WINDOW_BYTES, lengthBytes: WINDOW_BYTES },
  ])
  expect(planRuns(held, [], 4096, file.length)).toEqual([])
})

test('a month of small changes costs neither a long list nor many windows stored again', () => {
  const random = new SeededRandom(runSeed('page extents for long'))
  const windowCount = 100
  const sizeBytes = windowCount * WINDOW_BYTES
  let held = planRuns([], 'all', 4096, sizeBytes).map((run) => referenceTo('', run.lengthBytes))
  const changesEach = 10
  let storedBytes = 0
  let longest = 0
  const versions = 2000
  for (let version = 0; version < versions; version += 1) {
    const pages = new Set(Array.from({ length: changesEach }, () => random.below(sizeBytes / 4096)))
    const changed = [...pages].toSorted((a, b) => a - b)
    const runs = planRuns(held, changed, 4096, sizeBytes)
    for (const run of runs) storedBytes += run.lengthBytes
    held = replaceRuns(
      held,
      runs.map((run) => ({ position: run.position, chunk: referenceTo('', run.lengthBytes) })),
      sizeBytes,
    )
    longest = Math.max(longest, held.length)
  }
  const most = mostPieces(changesEach, windowCount)
  expect(longest).toBeLessThanOrEqual(most * windowCount)
  // The changed pages, and their share of a window: one for every (most / 2) runs.
  const perVersion = changesEach * (4096 + (2 * WINDOW_BYTES) / (most - 2))
  expect(storedBytes / versions).toBeLessThan(1.1 * perVersion)
})

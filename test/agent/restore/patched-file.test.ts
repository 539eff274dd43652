import { randomBytes } from 'node:crypto'
import { mkdirSync, readFileSync } from 'node:fs'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { ChunkRef, StoredChunk } from '../../../shared/repository/entry.ts'
import { EntryTable } from '../../../shared/repository/entry-table.ts'
import { PLAIN_VAULT } from '../../../shared/encryption/vault.ts'
import { encodeObject } from '../../../shared/repository/object-file.ts'
import { versionKey } from '../../../shared/repository/object-keys.ts'
import { PackWriter } from '../../../shared/repository/pack-writer.ts'
import { patience } from '../../shared/repository/memory-store.ts'
import { STREAM, TempVolume } from '../capture/temp-volume.ts'
import { restore } from './restore-into.ts'

const WINDOWS = 12
const WINDOW_BYTES = 1024 * 1024
const PAGE_BYTES = 4096
const VERSIONS = 30

let source: TempVolume
let target: TempVolume
beforeEach(() => {
  source = new TempVolume()
  target = new TempVolume()
  mkdirSync(target.dir)
})
afterEach(() => {
  source.remove()
  target.remove()
})

/** Stores bytes as version `n` would, and says where they lie. */
async function stored(n: number, parts: readonly Buffer[]): Promise<StoredChunk[]> {
  const writer = new PackWriter(source.store, STREAM, patience(), PLAIN_VAULT)
  const chunks: StoredChunk[] = []
  for (const bytes of parts) {
    chunks.push(writer.add(PLAIN_VAULT.chunkId(bytes).toString('hex'), bytes))
    await writer.room()
  }
  const packed = await writer.finish()
  const body = encodeObject(packed.inline, {})
  if (packed.inline.length > 0)
    source.store.objects.set(versionKey(STREAM, n), { body, modifiedAt: new Date() })
  packed.committedAs(n)
  return chunks
}

test('a database whose pages lie in many versions is restored as it was, and each frame is fetched once', async () => {
  const windows = Array.from({ length: WINDOWS }, () => randomBytes(WINDOW_BYTES))
  const whole = await stored(1, windows)
  const content = Buffer.concat(windows)
  /** By window: patches in the order of their places. */
  const patches: { from: number; chunk: StoredChunk }[][] = windows.map(() => [])
  for (let v = 0; v < VERSIONS; v += 1) {
    const from = (2 * v + 1) * PAGE_BYTES
    const pages = windows.map(() => randomBytes(PAGE_BYTES))
    for (const [w, chunk] of (await stored(v + 2, pages)).entries()) {
      patches[w]?.push({ from, chunk })
      pages[w]?.copy(content, w * WINDOW_BYTES + from)
    }
  }
  const chunks: ChunkRef[] = whole.flatMap((window, w) => {
    let at = 0
    const extents: ChunkRef[] = []
    for (const { from, chunk } of patches[w] ?? []) {
      extents.push({ ...window, slice: { from: at, lengthBytes: from - at } }, chunk)
      at = from + PAGE_BYTES
    }
    return [...extents, { ...window, slice: { from: at, lengthBytes: WINDOW_BYTES - at } }]
  })
  const metadata = { uid: process.geteuid?.() ?? 0, gid: process.getegid?.() ?? 0, inode: 1n }
  const times = { mtimeNs: 1_000_000_000n, ctimeNs: 1n }
  const entries = EntryTable.of([
    { ...metadata, ...times, name: '0', mode: 0o755, type: 'directory' },
    {
      ...metadata,
      ...times,
      name: '0/ledger.db',
      mode: 0o644,
      type: 'file',
      sizeBytes: content.length,
      chunks,
    },
  ])
  const { fetchedBytes } = await restore(source, target, undefined, { entries, faults: [] })
  expect(readFileSync(target.at('ledger.db')).equals(content)).toBe(true)
  const inStore = [...source.store.objects.values()].reduce((sum, { body }) => sum + body.length, 0)
  expect(fetchedBytes).toBeLessThan(inStore * 1.1)
})

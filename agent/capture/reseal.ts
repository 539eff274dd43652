/**
 * What a capture carries on without having read it (unreadable files), where the held version is in clear, or sealed with
 * another key: nothing new may refer to bytes that lie there, so they are fetched once, and stored anew. Bytes that the
 * repository does not have any more either leave their file out of the version.
 */
import { CorruptObjectError } from '../../shared/errors.ts'
import type { ChunkRef, Entry, Fault, FileEntry } from '../../shared/repository/entry.ts'
import { isHole } from '../../shared/repository/entry.ts'
import type { EntryTable } from '../../shared/repository/entry-table.ts'
import type { FetchForeign, HeldVersion } from './held-version.ts'
import type { ChunkKeeper } from './stable-read.ts'

/** What a capture has found so far. */
export interface Captured {
  readonly changed: EntryTable
  readonly gone: Set<string>
  readonly faults: Fault[]
}

/** Reading has been done: whatever of the held version is neither gone nor read is carried on. */
export async function reseal(
  { entries }: HeldVersion,
  fetch: FetchForeign,
  { changed, gone, faults }: Captured,
  keeper: ChunkKeeper,
): Promise<void> {
  for (const row of entries.rows()) {
    const name = entries.nameAt(row)
    if (gone.has(name)) continue
    const carried = changed.get(name) ?? entries.at(row)
    const wasRead = changed.has(name) && carried.stale !== true
    if (wasRead || !hasBytes(carried)) continue
    try {
      changed.set({ ...carried, chunks: await storeAnew(carried.chunks, fetch, keeper) })
    } catch (error) {
      if (!(error instanceof CorruptObjectError)) throw error
      changed.delete(name)
      gone.add(name)
      if (faults.every((fault) => fault.name !== name))
        faults.push({ name, kind: 'unreadable', why: error.message })
    }
  }
}

function hasBytes(entry: Entry): entry is FileEntry {
  return entry.type === 'file' && entry.chunks.some((chunk) => !isHole(chunk))
}

async function storeAnew(
  chunks: readonly ChunkRef[],
  fetch: FetchForeign,
  keeper: ChunkKeeper,
): Promise<ChunkRef[]> {
  const stored: ChunkRef[] = []
  for (const chunk of chunks) {
    if (isHole(chunk)) {
      stored.push(chunk)
      continue
    }
    const kept = keeper.keep(await fetch(chunk))
    stored.push(chunk.slice === undefined ? kept : { ...kept, slice: chunk.slice })
    await keeper.room()
  }
  return stored
}

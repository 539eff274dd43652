/**
 * The order in which a file's chunks are fetched and written. From front to back; but the pages of a patched database
 * lie in as many objects as there were versions, and from front to back each of those would be fetched again and again.
 * Such a file is written in the order in which its bytes lie in the repository, so that each frame is fetched once.
 */
import type { ChunkRef, StoredChunk } from '../../shared/repository/entry.ts'
import { bytesOf, isHole } from '../../shared/repository/entry.ts'

export interface PlacedChunk {
  readonly chunk: StoredChunk
  /** Where in the file its bytes go. */
  readonly offset: number
}

/** The stored chunks of a file; holes need no writing. */
export function inWriteOrder(chunks: readonly ChunkRef[]): PlacedChunk[] {
  const placed: PlacedChunk[] = []
  let isPatched = false
  let offset = 0
  for (const chunk of chunks) {
    if (!isHole(chunk)) {
      placed.push({ chunk, offset })
      isPatched ||= chunk.slice !== undefined
    }
    offset += bytesOf(chunk)
  }
  return isPatched ? placed.toSorted(bySource) : placed
}

function bySource({ chunk: a }: PlacedChunk, { chunk: b }: PlacedChunk): number {
  if (a.frame.pack !== b.frame.pack) return a.frame.pack < b.frame.pack ? -1 : 1
  return a.frame.offset - b.frame.offset || a.start - b.start
}

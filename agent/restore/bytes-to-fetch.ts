/** What of a plan's files has to come from the repository. */
import type { ChunkRef, PackedFrame, StoredChunk } from '../../shared/repository/entry.ts'
import { isHole } from '../../shared/repository/entry.ts'
import type { EntryTable } from '../../shared/repository/entry-table.ts'
import type { RestorePlan } from './restore-plan.ts'
import { inWriteOrder } from './write-order.ts'

type FilesToWrite = Pick<RestorePlan, 'target' | 'present' | 'files'>

/** The chunks that the files of a plan need and their present content does not have, in the order in which they are written. */
export function* chunksToFetch({ target, present, files }: FilesToWrite): Generator<StoredChunk> {
  for (const row of files) {
    const local = localIds(target, present, row)
    for (const { chunk } of inWriteOrder(target.chunksAt(row)))
      if (local?.has(chunk.id) !== true) yield chunk
  }
}

/** The files of a plan that are fetched whole, and those of which something is there, or nothing stored. */
export function partedFiles({ target, present, files }: FilesToWrite): {
  patched: number[]
  fetched: number[]
} {
  const patched: number[] = []
  const fetched: number[] = []
  for (const row of files) {
    const local = localIds(target, present, row)
    const list = isFetchedWhole(target.chunksAt(row), local) ? fetched : patched
    list.push(row)
  }
  return { patched, fetched }
}

function isFetchedWhole(
  chunks: readonly ChunkRef[],
  local: ReadonlySet<string> | undefined,
): boolean {
  if (chunks.every(isHole)) return false
  return local === undefined || !chunks.some((chunk) => !isHole(chunk) && local.has(chunk.id))
}

/** Stored bytes of the frames that the files of a plan need. */
export function bytesToFetch({ target, present, files }: FilesToWrite): number {
  const frames = new Set<PackedFrame>()
  let bytes = 0
  for (const row of files) {
    const local = localIds(target, present, row)
    for (const chunk of target.chunksAt(row)) {
      if (isHole(chunk) || frames.has(chunk.frame) || local?.has(chunk.id) === true) continue
      frames.add(chunk.frame)
      bytes += chunk.frame.storedBytes
    }
  }
  return bytes
}

/** Ids of the chunks that the present file has; undefined where there is none, or not this one. */
function localIds(
  target: EntryTable,
  present: FilesToWrite['present'],
  row: number,
): ReadonlySet<string> | undefined {
  const there = present.size === 0 ? undefined : present.get(target.nameAt(row))
  return there && new Set(there.chunks.flatMap((each) => (isHole(each) ? [] : each.id)))
}

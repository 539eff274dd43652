/** What of a plan's files has to come from the repository. */
import type {
  ChunkRef,
  FileEntry,
  PackedFrame,
  StoredChunk,
} from '../../shared/repository/entry.ts'
import { isHole } from '../../shared/repository/entry.ts'
import type { RestorePlan } from './restore-plan.ts'
import { inWriteOrder } from './write-order.ts'

type FilesToWrite = Pick<RestorePlan, 'target' | 'present' | 'files'>

/** The chunks that the files of a plan need and their present content does not have, in the order in which they are written. */
export function* chunksToFetch({ target, present, files }: FilesToWrite): Generator<StoredChunk> {
  for (const row of files) {
    const chunks = target.chunksAt(row)
    const there = present.size === 0 ? undefined : present.get(target.nameAt(row))
    const local = there && new Set(there.chunks.flatMap((each) => (isHole(each) ? [] : each.id)))
    for (const { chunk } of inWriteOrder(chunks)) if (local?.has(chunk.id) !== true) yield chunk
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
    const there = present.size === 0 ? undefined : present.get(target.nameAt(row))
    const list = isFetchedWhole(target.chunksAt(row), there) ? fetched : patched
    list.push(row)
  }
  return { patched, fetched }
}

function isFetchedWhole(chunks: readonly ChunkRef[], there: FileEntry | undefined): boolean {
  if (chunks.every(isHole)) return false
  if (there === undefined) return true
  const local = new Set(there.chunks.flatMap((each) => (isHole(each) ? [] : each.id)))
  return !chunks.some((chunk) => !isHole(chunk) && local.has(chunk.id))
}

/** Stored bytes of the chunks' frames. */
export function sumOfFrames(chunks: Iterable<StoredChunk>): number {
  const frames = new Set<PackedFrame>()
  let bytes = 0
  for (const { frame } of chunks) {
    if (frames.has(frame)) continue
    frames.add(frame)
    bytes += frame.storedBytes
  }
  return bytes
}

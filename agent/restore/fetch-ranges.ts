/** Neighbouring frames come in one request. */
import type { FramePieces } from './pieces.ts'

/** A pack, which is full at 8 MiB, comes in two: with larger requests a restore of many files takes more than 200 MiB. */
export const RANGE_BYTES = 5 * 1024 * 1024
/** Bytes that nobody asked for are read along when they are fewer than this: cheaper than another request. */
const GAP_BYTES = 64 * 1024

/**
 * Files so small that thousands fit into a frame: what is known of those that are on their way took 500 MiB of a restore of
 * 500,000. A frame of more comes again for the rest.
 */
const MAX_PIECES = 4096

/** Bytes of one object, from `offset` up to, not including, `end`, and the frames in them. */
export interface FetchRange {
  readonly pack: string
  readonly offset: number
  readonly end: number
  readonly frames: readonly FramePieces[]
}

interface OpenRange {
  readonly pack: string
  readonly offset: number
  readonly frames: FramePieces[]
  end: number
  /** Of pieces. */
  count: number
}

/** Everything that comes between two pauses, in its order. */
export function* rangesOf(
  frames: Iterable<FramePieces | 'pause'>,
): Generator<FetchRange | 'pause', undefined> {
  let open: OpenRange | undefined
  for (const next of frames) {
    if (next === 'pause') {
      if (open !== undefined) yield open
      open = undefined
      yield next
      continue
    }
    const { pack, offset, storedBytes } = next.frame
    const count = next.pieces.length
    const end = offset + storedBytes
    const fits =
      open?.pack === pack &&
      offset >= open.offset &&
      offset <= open.end + GAP_BYTES &&
      end - open.offset <= RANGE_BYTES &&
      open.count + count <= MAX_PIECES
    if (open !== undefined && fits) {
      open.frames.push(next)
      open.end = Math.max(open.end, end)
      open.count += count
    } else {
      if (open !== undefined) yield open
      open = { pack, offset, end, frames: [next], count }
    }
  }
  if (open !== undefined) yield open
  return undefined
}

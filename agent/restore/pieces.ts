/**
 * The files of a plan as pieces, in the order in which their bytes lie in the repository: each frame is fetched, decoded
 * and verified once, whoever needs of it, and the pages of a patched database, which lie in as many objects as there
 * were versions, need no order of their own.
 */
import type { FileEntry, PackedFrame, StoredChunk } from '../../shared/repository/entry.ts'
import { bytesOf, isHole } from '../../shared/repository/entry.ts'
import type { EntryTable } from '../../shared/repository/entry-table.ts'

/** One file of the plan. */
export interface FileWork {
  readonly row: number
  readonly entry: FileEntry
  readonly pieces: readonly Piece[]
}

/** A chunk, or a slice of one, and where in its file it goes. */
export interface Piece {
  readonly file: FileWork
  readonly chunk: StoredChunk
  readonly offset: number
}

/** All that one frame is needed for, from its front to its back. */
export interface FramePieces {
  readonly frame: PackedFrame
  readonly pieces: readonly Piece[]
}

/** Files that are sorted together, so that what is known of them stays small however many there are. */
const LOT_PIECES = 1024

/**
 * @param rows files in the order of their first chunks; each has a chunk at least.
 * @param unfinishedBytes files of several pieces are together no larger than this, or are one, between two "pauses":
 * behind a pause nothing may be begun before everything in front of it is done.
 */
export function* piecesByFrame(
  target: EntryTable,
  rows: Iterable<number>,
  unfinishedBytes: number,
): Generator<FramePieces | 'pause', undefined> {
  const order = new FrameOrder()
  let lot: Piece[] = []
  let bytes = 0
  for (const row of rows) {
    const { entry, pieces } = fileWork(target, row)
    const partly = pieces.length > 1 ? entry.sizeBytes : 0
    const isTooMuch = bytes > 0 && bytes + partly > unfinishedBytes
    if (isTooMuch || lot.length >= LOT_PIECES) {
      yield* order.framesOf(lot)
      lot = []
    }
    if (isTooMuch) {
      yield 'pause'
      bytes = 0
    }
    for (const piece of pieces) lot.push(piece)
    bytes += partly
  }
  yield* order.framesOf(lot)
  return undefined
}

function fileWork(target: EntryTable, row: number): FileWork {
  const entry = target.at(row) as FileEntry
  const pieces: Piece[] = []
  const file = { row, entry, pieces }
  let offset = 0
  for (const chunk of entry.chunks) {
    if (!isHole(chunk)) pieces.push({ file, chunk, offset })
    offset += bytesOf(chunk)
  }
  return file
}

/** Packs in the order in which they are first needed: near that in which they were written, unlike their names. */
class FrameOrder {
  readonly #ranks = new Map<string, number>()

  #rank({ pack }: PackedFrame): number {
    const rank = this.#ranks.get(pack) ?? this.#ranks.size
    if (rank === this.#ranks.size) this.#ranks.set(pack, rank)
    return rank
  }

  *framesOf(lot: Piece[]): Generator<FramePieces, undefined> {
    for (const { chunk } of lot) this.#rank(chunk.frame)
    lot.sort((a, b) => this.#compare(a.chunk, b.chunk))
    for (let begin = 0; begin < lot.length;) {
      const { frame } = (lot[begin] as Piece).chunk
      let end = begin + 1
      while (end < lot.length && isSameFrame(lot[end]?.chunk.frame, frame)) end += 1
      yield { frame, pieces: lot.slice(begin, end) }
      begin = end
    }
    return undefined
  }

  #compare(a: StoredChunk, b: StoredChunk): number {
    if (a.frame === b.frame) return a.start - b.start
    return (
      this.#rank(a.frame) - this.#rank(b.frame) ||
      a.frame.offset - b.frame.offset ||
      a.start - b.start
    )
  }
}

function isSameFrame(a: PackedFrame | undefined, b: PackedFrame): boolean {
  return a === b || (a?.pack === b.pack && a.offset === b.offset)
}

/**
 * A database's content as a list of references to chunks: windows of 1 MiB, each stored as a chunk, and over them the
 * runs of pages that changed since, as chunks of their own. What remains of a window is referred to by slices of it.
 *
 * Each changed run makes the list longer by up to two references, and the list is shipped with each version: about 60
 * bytes for each, compressed. A window in too many pieces is therefore stored again as a whole. If every version
 * changes `u` runs, spread over `W` windows that are stored again at `N` pieces, then it costs `W·N/2` references of 60
 * bytes, and `u·2/N` windows of 1 MiB. Both together are least at `N² = 4·u·1 MiB / (60·W)`.
 */
import type { ChunkRef, Slice } from '../../../shared/repository/entry.ts'
import { bytesOf, isHole } from '../../../shared/repository/entry.ts'

/** A multiple of every page size. */
export const WINDOW_BYTES = 1024 * 1024
const REFERENCE_BYTES = 60
/** With fewer pieces, windows would be stored for next to nothing; with more, a small database has a long list. */
const FEWEST_PIECES = 16
const MOST_PIECES = 256

/** Bytes of the database that are to be stored as one chunk. */
export interface Run {
  readonly position: number
  readonly lengthBytes: number
}

/** A run, and where its bytes are stored now. */
export interface StoredRun {
  readonly position: number
  readonly chunk: ChunkRef
}

/**
 * What is to be read and stored to come from the held references to a database of `sizeBytes` in which the pages
 * `changed` (from 0, sorted) may differ: the runs in order, none across a window's border. A page that the held
 * references do not have as a whole is stored whether or not it is among the changed.
 */
export function planRuns(
  held: readonly ChunkRef[],
  changed: readonly number[] | 'all',
  pageBytes: number,
  sizeBytes: number,
): Run[] {
  if (changed === 'all') return windows(0, sizeBytes)
  const keptPages = Math.floor(Math.min(lengthOf(held), sizeBytes) / pageBytes)
  const pages = changed
    .filter((page) => page < keptPages)
    .map((page) => ({ position: page * pageBytes, lengthBytes: pageBytes }))
  const runs = joined([...pages, ...windows(keptPages * pageBytes, sizeBytes)])
  const pieces = piecesByWindow(held)
  const most = mostPieces(runs.length, Math.ceil(sizeBytes / WINDOW_BYTES))
  return byWindow(runs).flatMap(([window, inWindow]) => {
    const whole = windowOf(window, sizeBytes)
    const count = (pieces.get(window) ?? 0) + 2 * inWindow.length
    const isMostlyNew = 2 * sum(inWindow.map((run) => run.lengthBytes)) >= whole.lengthBytes
    return isMostlyNew || count > most ? [whole] : inWindow
  })
}

/** The references to a database of `sizeBytes`: the held ones where no run takes their place. Runs are in order. */
export function replaceRuns(
  held: readonly ChunkRef[],
  runs: readonly StoredRun[],
  sizeBytes: number,
): ChunkRef[] {
  const references: ChunkRef[] = []
  const rest = new Cutter(held)
  for (const { position, chunk } of runs) {
    references.push(...rest.upTo(position), chunk)
    rest.skipTo(position + bytesOf(chunk))
  }
  references.push(...rest.upTo(sizeBytes))
  if (lengthOf(references) !== sizeBytes)
    throw new RangeError(`the runs leave out a part of the ${sizeBytes} bytes`)
  return references
}

/** How many pieces a window may be in before it is stored again, if each version changes that many runs. */
export function mostPieces(runs: number, windowCount: number): number {
  const best = Math.sqrt((4 * runs * WINDOW_BYTES) / (REFERENCE_BYTES * Math.max(1, windowCount)))
  return Math.min(MOST_PIECES, Math.max(FEWEST_PIECES, Math.round(best)))
}

/** Gives out references from left to right, cut where that is asked for. */
class Cutter {
  readonly #held: readonly ChunkRef[]
  #at = 0
  #index = 0
  /** Bytes of the reference at the index that have been given out. */
  #used = 0

  constructor(held: readonly ChunkRef[]) {
    this.#held = held
  }

  /** What lies before `position`; less, where the held references end before it. */
  upTo(position: number): ChunkRef[] {
    const references: ChunkRef[] = []
    for (let held = this.#held[this.#index]; held !== undefined; held = this.#held[this.#index]) {
      const lengthBytes = Math.min(bytesOf(held) - this.#used, position - this.#at)
      if (lengthBytes <= 0) break
      references.push(cut(held, { from: this.#used, lengthBytes }))
      this.#at += lengthBytes
      this.#used += lengthBytes
      if (this.#used < bytesOf(held)) break
      this.#index += 1
      this.#used = 0
    }
    return references
  }

  skipTo(position: number): void {
    this.upTo(position)
    this.#at = position
  }
}

function cut(reference: ChunkRef, part: Slice): ChunkRef {
  if (part.lengthBytes === bytesOf(reference)) return reference
  if (isHole(reference)) return { hole: part.lengthBytes }
  const from = (reference.slice?.from ?? 0) + part.from
  return { ...reference, slice: { from, lengthBytes: part.lengthBytes } }
}

function windowOf(window: number, sizeBytes: number): Run {
  const position = window * WINDOW_BYTES
  return { position, lengthBytes: Math.min(WINDOW_BYTES, sizeBytes - position) }
}

function windows(from: number, end: number): Run[] {
  const runs: Run[] = []
  for (let position = from; position < end;) {
    const border = (Math.floor(position / WINDOW_BYTES) + 1) * WINDOW_BYTES
    runs.push({ position, lengthBytes: Math.min(border, end) - position })
    position = border
  }
  return runs
}

/** Runs that touch become one, unless a window's border lies between them. */
function joined(runs: readonly Run[]): Run[] {
  const result: Run[] = []
  for (const run of runs) {
    const last = result.at(-1)
    const touches = last !== undefined && last.position + last.lengthBytes === run.position
    if (last !== undefined && touches && run.position % WINDOW_BYTES !== 0)
      result[result.length - 1] = { ...last, lengthBytes: last.lengthBytes + run.lengthBytes }
    else result.push(run)
  }
  return result
}

function byWindow(runs: readonly Run[]): [number, Run[]][] {
  const grouped = Map.groupBy(runs, (run) => Math.floor(run.position / WINDOW_BYTES))
  return [...grouped].toSorted(([a], [b]) => a - b)
}

function piecesByWindow(held: readonly ChunkRef[]): Map<number, number> {
  const pieces = new Map<number, number>()
  let at = 0
  for (const reference of held) {
    const end = at + bytesOf(reference)
    const last = Math.floor((end - 1) / WINDOW_BYTES)
    for (let window = Math.floor(at / WINDOW_BYTES); window <= last; window += 1)
      pieces.set(window, (pieces.get(window) ?? 0) + 1)
    at = end
  }
  return pieces
}

function lengthOf(references: readonly ChunkRef[]): number {
  return sum(references.map(bytesOf))
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((a, b) => a + b, 0)
}

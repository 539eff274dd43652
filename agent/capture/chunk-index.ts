/** Finds the chunks of a table's files by their ids, so that what is stored once is not stored again. */
import type { Damage } from '../../shared/repository/damage.ts'
import { isDamaged } from '../../shared/repository/damage.ts'
import type { StoredChunk } from '../../shared/repository/entry.ts'
import type { EntryTable } from '../../shared/repository/entry-table.ts'
import { NumberIndex } from '../../shared/repository/number-index.ts'

/**
 * So many files with one chunk are known, of those that have it: a tree of copies is not searched in the square of its
 * size. Where all of these go, the chunk is stored once more.
 */
const MOST_ROWS = 16

export class ChunkIndex {
  readonly #table: EntryTable
  /** Rows whose files have a chunk, by a hash of its id. */
  readonly #rows = new NumberIndex()
  /** Chunks of the file that is being read: it has no row yet. */
  readonly #noted = new Map<string, StoredChunk>()

  constructor(table: EntryTable) {
    this.#table = table
  }

  /** Adds all chunks of a row's file. What was noted before is found there from now on. */
  add(row: number): void {
    for (const hash of this.#table.idHashes(row)) this.#rows.add(hash, row, MOST_ROWS)
    this.#noted.clear()
  }

  remove(row: number): void {
    for (const hash of this.#table.idHashes(row)) this.#rows.remove(hash, row)
  }

  note(chunk: StoredChunk): StoredChunk {
    this.#noted.set(chunk.id, chunk)
    return chunk
  }

  /**
   * @param id as bytes.
   * @param damage where chunks may lie that are not to be found.
   */
  find(id: Buffer, damage: Damage): StoredChunk | undefined {
    const noted = this.#noted.size > 0 ? this.#noted.get(id.toString('hex')) : undefined
    if (noted !== undefined) return noted
    const soundAt = (row: number) => {
      const chunk = this.#table.findChunk(row, id)
      return chunk === undefined || isDamaged(damage, chunk) ? undefined : chunk
    }
    const row = this.#rows.find(id.readUInt32LE(), (at) => soundAt(at) !== undefined)
    return row === undefined ? undefined : soundAt(row)
  }
}

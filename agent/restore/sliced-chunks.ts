/**
 * Keeps the chunks that slices were lately taken of: the pages that were replaced in between lie elsewhere in the
 * repository, and the chunk would be decoded and verified again for each slice.
 */
import type { Slice, StoredChunk } from '../../shared/repository/entry.ts'
import { Recent } from './recent.ts'

/** Of one window of a database; windows are 1 MiB each. */
const MOST_KEPT = 8

export class SlicedChunks {
  readonly #kept = new Recent<string, Promise<Buffer>>(MOST_KEPT)

  /** @param bring fetches the whole chunk, good until the next call. */
  async part(
    chunk: StoredChunk,
    slice: Slice,
    bring: (chunk: StoredChunk) => Buffer | Promise<Buffer>,
  ): Promise<Buffer> {
    const whole = await this.#kept.get(chunk.id, async () => Buffer.from(await bring(chunk)))
    return whole.subarray(slice.from, slice.from + slice.lengthBytes)
  }
}

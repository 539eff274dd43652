/** Reads stored bytes of a stream's packs, and knows how many have come. */
import { CorruptObjectError } from '../../shared/errors.ts'
import type { ObjectStore } from '../../shared/object-store/object-store.ts'
import type { Patience } from '../../shared/patience.ts'
import { untilReachable } from '../../shared/patience.ts'
import type { PackedFrame } from '../../shared/repository/entry.ts'
import { locateMoved } from '../../shared/repository/moved-pack.ts'
import { packKey } from '../../shared/repository/object-keys.ts'
import type { StreamName } from '../../shared/stream-name.ts'

export class ObjectReader {
  readonly stream: StreamName
  readonly #store: ObjectStore
  readonly #patience: Patience
  /** Bytes received from the store. */
  fetchedBytes = 0

  constructor(store: ObjectStore, stream: StreamName, patience: Patience) {
    this.stream = stream
    this.#store = store
    this.#patience = patience
  }

  /**
   * Bytes from `offset` up to, not including, `end`. Undefined when there is no such object any more.
   * @param room where they may come to lie; not to be used any more when this rejects.
   */
  async range(
    pack: string,
    offset: number,
    end: number,
    room?: Buffer,
  ): Promise<Buffer | undefined> {
    const key = packKey(this.stream, pack)
    let free = room
    const attempt = () => {
      const range = { offset, lengthBytes: end - offset, room: free }
      free = undefined // an attempt that failed may still have it
      return this.#store.get(key, range)
    }
    const object = await untilReachable(attempt, this.#patience)
    this.fetchedBytes += object?.body.length ?? 0
    return object?.body
  }

  /**
   * The stored bytes of a frame whose pack was compacted, from where they lie now. Rejects with `CorruptObjectError`
   * when they are nowhere.
   */
  async moved({ pack, offset, storedBytes }: PackedFrame): Promise<Buffer> {
    let lookedIn: string | undefined
    for (;;) {
      const moved = await untilReachable(
        () => locateMoved(this.#store, this.stream, pack),
        this.#patience,
      )
      const now = moved?.offsets.get(offset)
      // Moved on, and removed, since it was looked up: it is elsewhere by now.
      if (moved === undefined || now === undefined || moved.to === lookedIn)
        throw new CorruptObjectError(packKey(this.stream, pack), 'it is not there any more')
      lookedIn = moved.to
      const body = await this.range(moved.to, now, now + storedBytes)
      if (body !== undefined) return body
    }
  }
}

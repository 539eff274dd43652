/**
 * Memory for fetched bodies, which goes to the store, to a writer and back here: memory that the system gives anew costs
 * a large part of what reading into it does.
 */
import { RANGE_BYTES } from './fetch-ranges.ts'

export class BodyRooms {
  readonly #free: ArrayBuffer[] = []

  /** Undefined where a single frame is larger than a range is otherwise. */
  take(lengthBytes: number): Buffer<ArrayBuffer> | undefined {
    if (lengthBytes > RANGE_BYTES) return undefined
    return Buffer.from(this.#free.pop() ?? new ArrayBuffer(RANGE_BYTES))
  }

  /** Memory that nobody else uses; what did not come from here is left to the collector. */
  giveBack(memory: ArrayBufferLike): void {
    if (memory instanceof ArrayBuffer && memory.byteLength === RANGE_BYTES) this.#free.push(memory)
  }
}

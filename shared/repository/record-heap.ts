/** The records of a table's entries by their addresses, and how much of the room for them is used no more. */
import { ByteHeap, offsetOf, roundedUp } from './byte-heap.ts'
import type { FrameRegistry } from './chunk-list.ts'
import type { Entry } from './entry.ts'
import type { RecordPlan } from './entry-record.ts'
import {
  RecordView,
  isNamed,
  isNamedAlike,
  recordHasRest,
  usualRecordBytes,
  writeRecord,
  writeUsualRecord,
} from './entry-record.ts'
import type { NameReader } from './name-reader.ts'
import type { UsualLine } from './usual-line.ts'

/** Bytes of records that are used no more, below which the heap is not built anew. */
const MIN_GARBAGE_BYTES = 1024 * 1024

export class RecordHeap {
  readonly #heap = new ByteHeap()
  #usedBytes = 0
  #garbageBytes = 0

  /** @param before the record that this one replaces. Returns the new one's address, which may be the same. */
  write(plan: RecordPlan, entry: Entry, frames: FrameRegistry, before: number | undefined): number {
    const address = this.#roomFor(plan.bytes, before)
    writeRecord(this.#heap.bufferOf(address), offsetOf(address), plan, entry, frames)
    return address
  }

  /** As `write`, of what a line says. */
  writeUsual(line: UsualLine, frames: FrameRegistry, before: number | undefined): number {
    const address = this.#roomFor(usualRecordBytes(line), before)
    writeUsualRecord(this.#heap.bufferOf(address), offsetOf(address), line, frames)
    return address
  }

  at(address: number): RecordView {
    return new RecordView(this.#heap.bufferOf(address), offsetOf(address))
  }

  hasRest(address: number): boolean {
    return recordHasRest(this.#heap.bufferOf(address), offsetOf(address))
  }

  isNamed(address: number, base: string): boolean {
    return isNamed(this.#heap.bufferOf(address), offsetOf(address), base)
  }

  isNamedAlike(address: number, name: NameReader): boolean {
    return isNamedAlike(this.#heap.bufferOf(address), offsetOf(address), name)
  }

  discard(address: number): void {
    this.#garbageBytes += this.at(address).heapBytes
  }

  /** So much is used no more that what is used should go to a new heap. */
  get isWasteful(): boolean {
    return this.#garbageBytes >= Math.max(MIN_GARBAGE_BYTES, this.#usedBytes / 2)
  }

  /** The place of the record before where the new one is as long, else a new one. */
  #roomFor(bytes: number, before: number | undefined): number {
    if (before !== undefined && this.at(before).heapBytes === roundedUp(bytes)) return before
    if (before !== undefined) this.discard(before)
    this.#usedBytes += roundedUp(bytes)
    return this.#heap.allocate(bytes)
  }
}

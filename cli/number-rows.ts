/** A table of numbers that finds the row with given values: a set of tuples without an object for each. */

const SEGMENT_ROWS = 1 << 14
const FREE = -1

export class NumberRows {
  readonly #width: number
  /** Segments, so that growing copies nothing. */
  readonly #segments: Float64Array[] = []
  /** Open addressing, at most half full: numbers of rows. */
  #slots = new Int32Array(1024).fill(FREE)
  #count = 0

  /** @param width numbers in a row. */
  constructor(width: number) {
    this.#width = width
  }

  get count(): number {
    return this.#count
  }

  get(row: number, column: number): number {
    const at = (row % SEGMENT_ROWS) * this.#width + column
    return this.#segments[Math.floor(row / SEGMENT_ROWS)]?.[at] ?? 0
  }

  /** The number of the row with these values, undefined where there is none. */
  find(values: readonly number[]): number | undefined {
    const row = this.#slots[this.#slotOf(values)] ?? FREE
    return row === FREE ? undefined : row
  }

  /** As `find`; a row that is not there is added. */
  add(values: readonly number[]): number {
    const slot = this.#slotOf(values)
    const known = this.#slots[slot] ?? FREE
    if (known !== FREE) return known
    const row = this.#count
    if (row % SEGMENT_ROWS === 0) this.#segments.push(new Float64Array(SEGMENT_ROWS * this.#width))
    this.#segments.at(-1)?.set(values, (row % SEGMENT_ROWS) * this.#width)
    this.#slots[slot] = row
    this.#count += 1
    if (this.#count * 2 > this.#slots.length) this.#grow()
    return row
  }

  /** The slot that holds the row with these values, or the free one where it belongs. */
  #slotOf(values: readonly number[]): number {
    const mask = this.#slots.length - 1
    for (let slot = hashOf(values) & mask; ; slot = (slot + 1) & mask) {
      const row = this.#slots[slot] ?? FREE
      if (row === FREE || values.every((value, column) => this.get(row, column) === value))
        return slot
    }
  }

  #grow(): void {
    this.#slots = new Int32Array(this.#slots.length * 2).fill(FREE)
    for (let row = 0; row < this.#count; row += 1) {
      const values = Array.from({ length: this.#width }, (_none, column) => this.get(row, column))
      this.#slots[this.#slotOf(values)] = row
    }
  }
}

/** Offsets are multiples of round numbers: all bits of a value must reach the low ones of the hash. */
function hashOf(values: readonly number[]): number {
  let hash = 0
  for (const value of values) {
    hash = Math.imul(hash ^ (value | 0) ^ Math.floor(value / 2 ** 32), 0x85ebca6b)
    hash ^= hash >>> 13
  }
  hash = Math.imul(hash, 0xc2b2ae35)
  return hash ^ (hash >>> 16)
}

/**
 * A hash index to numbers (rows of a table): 8 bytes for each slot, no objects. Open addressing with linear probing
 * (Knuth, TAOCP 6.4). Numbers whose hashes collide are offered, too: whoever asks compares.
 */
const EMPTY = 0
const REMOVED = 0xffff_ffff
/** Slots in use, removed ones included, before the index grows. */
const MAX_LOAD = 0.8
/** Small steps: twice the room at once would be half empty most of the time. */
const GROWTH = 1.3
const FIRST_SLOTS = 32

export class NumberIndex {
  /** Pairs of number + 1 and hash. */
  #slots = new Uint32Array(2 * FIRST_SLOTS)
  #capacity = FIRST_SLOTS
  #used = 0
  #size = 0

  /** The first number added with this hash that `matches`; undefined if none does. */
  find(hash: number, matches: (value: number) => boolean): number | undefined {
    for (let i = this.#first(hash); ; i = this.#after(i)) {
      const slot = this.#slots[2 * i] as number
      if (slot === EMPTY) return undefined
      if (slot !== REMOVED && this.#slots[2 * i + 1] === hash && matches(slot - 1)) return slot - 1
    }
  }

  /**
   * Adds a number, below 2^32 - 2, also where it is there already.
   * @param most where so many numbers have this hash nothing is added: each of them makes all the others slower.
   */
  add(hash: number, value: number, most = Infinity): void {
    if (this.#used + 1 > this.#capacity * MAX_LOAD) this.#grow()
    if (!this.#put(hash, value + 1, most)) return
    this.#used += 1
    this.#size += 1
  }

  /** Removes a number that was added with this hash; once. */
  remove(hash: number, value: number): void {
    for (let i = this.#first(hash); ; i = this.#after(i)) {
      const slot = this.#slots[2 * i] as number
      if (slot === EMPTY) return
      if (slot !== value + 1 || this.#slots[2 * i + 1] !== hash) continue
      this.#slots[2 * i] = REMOVED
      this.#size -= 1
      return
    }
  }

  #put(hash: number, slot: number, most: number): boolean {
    let i = this.#first(hash)
    for (let same = 0; this.#slots[2 * i] !== EMPTY; i = this.#after(i)) {
      if (this.#slots[2 * i] === REMOVED || this.#slots[2 * i + 1] !== hash) continue
      same += 1
      if (same >= most) return false
    }
    this.#slots[2 * i] = slot
    this.#slots[2 * i + 1] = hash
    return true
  }

  #grow(): void {
    const before = this.#slots
    this.#capacity = Math.max(FIRST_SLOTS, Math.ceil((this.#size * GROWTH + 1) / MAX_LOAD))
    this.#slots = new Uint32Array(2 * this.#capacity)
    for (let i = 0; i < before.length; i += 2) {
      const slot = before[i] as number
      if (slot !== EMPTY && slot !== REMOVED) this.#put(before[i + 1] as number, slot, Infinity)
    }
    this.#used = this.#size
  }

  /** Where a search begins: neighbouring hashes must not make neighbouring runs. */
  #first(hash: number): number {
    const spread = Math.imul(hash ^ (hash >>> 16), 0x9e3779b1) >>> 0
    return Math.floor((spread / 2 ** 32) * this.#capacity)
  }

  #after(i: number): number {
    return i + 1 === this.#capacity ? 0 : i + 1
  }
}

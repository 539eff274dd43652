/** Random numbers that a seed brings back: `HOLDFAST_TEST_SEED=<printed seed>` repeats a run. */
export class SeededRandom {
  #state: number

  constructor(seed: number) {
    this.#state = seed
  }

  /** At least 0, below 1 (Marsaglia's xorshift, 32 bits). */
  next(): number {
    let x = this.#state | 0 || 1
    x ^= x << 13
    x ^= x >>> 17
    x ^= x << 5
    this.#state = x
    return (x >>> 0) / 2 ** 32
  }

  /** A whole number below `end`. */
  below(end: number): number {
    return Math.floor(this.next() * end)
  }

  pick<T>(items: readonly [T, ...T[]]): T {
    return items[this.below(items.length)] as T
  }
}

/** The seed of this run, which it prints. */
export function runSeed(what: string): number {
  const seed = Number(process.env['HOLDFAST_TEST_SEED'] ?? Math.floor(Math.random() * 2 ** 31))
  console.log(`${what}: seed ${seed} (HOLDFAST_TEST_SEED repeats it)`)
  return seed
}

/** Waits between attempts: doubling from `firstMs` to `lastMs`, each drawn between half and all of it, so that an outage does not become a stampede. */
export interface BackOff {
  /** How long to wait before the next attempt, in milliseconds. */
  next(): number
  /** The attempt succeeded: begin at `firstMs` again. */
  reset(): void
}

export function createBackOff(
  options: { firstMs?: number; lastMs?: number; random?: () => number } = {},
): BackOff {
  const { firstMs = 200, lastMs = 60_000, random = Math.random } = options
  let ms = firstMs
  return {
    next() {
      const wait = ms * (0.5 + random() / 2)
      ms = Math.min(ms * 2, lastMs)
      return wait
    },
    reset() {
      ms = firstMs
    },
  }
}

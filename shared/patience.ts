import type { Clock } from './clock.ts'
import { UnreachableError } from './object-store/object-store.ts'

/** How long, and how, to go on asking a store that does not answer. */
export interface Patience {
  readonly clock: Clock
  /** Give up, with the last `UnreachableError`, when there was no answer for this long; undefined: never (an agent outlives S3). */
  readonly giveUpAfterMs?: number
  /** Give up at once when it aborts, with the last `UnreachableError`. */
  readonly signal?: AbortSignal
  /** Told of each attempt that had no answer. */
  readonly onRetry?: (error: UnreachableError) => void
}

const FIRST_WAIT_MS = 200
const LAST_WAIT_MS = 60_000
/** The last wait of a pod that is held: its app is down for as long as nobody looks. */
export const HELD_WAIT_MS = 30_000

/**
 * How long to wait before each next look, in milliseconds: twice as long each time, `lastMs` at most, each wait drawn
 * between half and all of that. Of many who were stopped by the same thing at once, each comes back at its own time.
 */
export class BackOff {
  readonly #lastMs: number
  #mostMs: number

  constructor(firstMs: number, lastMs = LAST_WAIT_MS) {
    this.#mostMs = firstMs
    this.#lastMs = lastMs
  }

  nextMs(): number {
    const drawnMs = this.#mostMs * (0.5 + Math.random() / 2)
    this.#mostMs = Math.min(this.#mostMs * 2, this.#lastMs)
    return drawnMs
  }
}

/** Repeats an attempt until the store answers, backing off from 0.2 s on. Any other error ends it. */
export async function untilReachable<T>(attempt: () => Promise<T>, patience: Patience): Promise<T> {
  const { clock, giveUpAfterMs = Infinity, signal, onRetry } = patience
  const isStopped = () => signal?.aborted === true
  const endMs = clock.monotonicMs() + giveUpAfterMs
  for (const backOff = new BackOff(FIRST_WAIT_MS); ;) {
    try {
      return await attempt()
    } catch (error) {
      if (!(error instanceof UnreachableError)) throw error
      if (isStopped() || clock.monotonicMs() >= endMs) throw error
      onRetry?.(error)
      await clock.sleep(Math.min(backOff.nextMs(), endMs - clock.monotonicMs()), signal)
      if (isStopped()) throw error
    }
  }
}

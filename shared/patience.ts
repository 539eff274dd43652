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

/**
 * Repeats an attempt until the store answers. Waits double from 0.2 s to a minute, each drawn between half and
 * all of it, so that the end of an outage is no stampede. Any other error ends it.
 */
export async function untilReachable<T>(attempt: () => Promise<T>, patience: Patience): Promise<T> {
  const { clock, giveUpAfterMs = Infinity, signal, onRetry } = patience
  const isStopped = () => signal?.aborted === true
  const endMs = clock.monotonicMs() + giveUpAfterMs
  for (let waitMs = FIRST_WAIT_MS; ; waitMs = Math.min(waitMs * 2, LAST_WAIT_MS)) {
    try {
      return await attempt()
    } catch (error) {
      if (!(error instanceof UnreachableError)) throw error
      if (isStopped() || clock.monotonicMs() >= endMs) throw error
      onRetry?.(error)
      const drawnMs = waitMs * (0.5 + Math.random() / 2)
      await clock.sleep(Math.min(drawnMs, endMs - clock.monotonicMs()), signal)
      if (isStopped()) throw error
    }
  }
}

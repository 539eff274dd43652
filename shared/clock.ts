/** The seam for time: nothing else in the agent asks for it, so that tests and the model can turn the clock. */
export interface Clock {
  /** Milliseconds that only ever grow; the origin means nothing. */
  monotonicMs(): number
  /** The wall clock, for people only: nothing is decided by it. */
  now(): Date
  /** Resolves after `ms`, or at once when the signal aborts (it never rejects). */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
}

export const systemClock: Clock = {
  monotonicMs: () => performance.now(),
  now: () => new Date(),
  sleep: (ms, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted === true) return resolve()
      const end = () => {
        clearTimeout(timer)
        signal?.removeEventListener('abort', end)
        resolve()
      }
      const timer = setTimeout(end, Math.min(ms, 2 ** 31 - 1))
      signal?.addEventListener('abort', end, { once: true })
    }),
}

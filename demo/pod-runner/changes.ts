import { setTimeout as sleep } from 'node:timers/promises'

/** Lets many wait for facts that change: whoever changes one announces it, and each waiter looks again. */
export class Changes {
  readonly #waiters = new Set<() => void>()

  announce(): void {
    for (const look of this.#waiters) look()
  }

  /** True as soon as `holds` does; false when the signal came first. */
  until(holds: () => boolean, signal?: AbortSignal): Promise<boolean> {
    if (holds()) return Promise.resolve(true)
    if (signal?.aborted) return Promise.resolve(false)
    const { promise, resolve } = Promise.withResolvers<boolean>()
    const settle = (result: boolean) => {
      this.#waiters.delete(look)
      signal?.removeEventListener('abort', give)
      resolve(result)
    }
    const look = () => holds() && settle(true)
    const give = () => settle(false)
    this.#waiters.add(look)
    signal?.addEventListener('abort', give)
    return promise
  }
}

/** Ends early, without an error, when the signal comes. */
export async function pause(durationMs: number, signal: AbortSignal): Promise<void> {
  await sleep(durationMs, undefined, { signal }).catch((error: unknown) => {
    if (!signal.aborted) throw error
  })
}

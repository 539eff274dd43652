import type { Clock } from '../../shared/clock.ts'

/** Stands still but for `advance`. */
export class ManualClock implements Clock {
  #nowMs = 0
  readonly #sleepers = new Set<{ readonly untilMs: number; readonly wake: () => void }>()

  monotonicMs(): number {
    return this.#nowMs
  }

  now(): Date {
    return new Date(this.#nowMs)
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const sleeper = {
        untilMs: this.#nowMs + ms,
        wake: () => {
          this.#sleepers.delete(sleeper)
          resolve()
        },
      }
      this.#sleepers.add(sleeper)
      if (signal?.aborted === true || ms <= 0) sleeper.wake()
      else signal?.addEventListener('abort', sleeper.wake, { once: true })
    })
  }

  /** When the sleepers wake, in milliseconds from now. */
  get wakeups(): number[] {
    return [...this.#sleepers].map(({ untilMs }) => untilMs - this.#nowMs)
  }

  advance(ms: number): void {
    this.#nowMs += ms
    for (const { untilMs, wake } of this.#sleepers) if (untilMs <= this.#nowMs) wake()
  }
}

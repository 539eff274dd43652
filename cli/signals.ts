/** SIGTERM and SIGINT ask a command to stop in good order; a second SIGINT does not wait for it. */
import { HoldfastError } from '../shared/errors.ts'

export const CANCELLED_CODE = 130
/** One key press reaches a program twice when whatever started it (npx, the launcher) passes it on as well. */
const SAME_PRESS_MS = 300

/** Stopped by a signal before it was done. */
export class CancelledError extends HoldfastError {
  override readonly exitCode = CANCELLED_CODE
}

type SignalSource = Pick<NodeJS.Process, 'on' | 'exit'>

export class Signals {
  readonly #stop = new AbortController()
  #firstMs = -Infinity

  constructor(source: SignalSource) {
    source.on('SIGTERM', () => {
      this.#stop.abort()
    })
    source.on('SIGINT', () => {
      const nowMs = performance.now()
      if (!this.#stop.signal.aborted) {
        this.#firstMs = nowMs
        this.#stop.abort()
      } else if (nowMs - this.#firstMs > SAME_PRESS_MS) source.exit(CANCELLED_CODE)
    })
  }

  /** Aborts with the first signal. */
  get stopped(): AbortSignal {
    return this.#stop.signal
  }

  /** Throws `CancelledError` after the first signal. */
  check(): void {
    if (this.#stop.signal.aborted) throw new CancelledError('cancelled')
  }
}

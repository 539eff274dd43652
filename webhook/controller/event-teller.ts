/** Tells one Event after the other, at a bounded rate, each until it was heard; a cluster full of them does not become a burst. */
import type { Clock } from '../../shared/clock.ts'
import { BackOff } from '../../shared/patience.ts'
import { ClusterUnreachableError } from '../kubernetes/cluster-error.ts'
import { Bounded } from './bounded.ts'
import type { Events } from './events.ts'
import type { News } from './pod-news.ts'

export interface EventTellerSeams {
  readonly events: Events
  readonly clock: Clock
  /** One was given up. */
  readonly onError: (error: unknown, news: News) => void
}

const PERIOD_MS = 100
const FIRST_WAIT_MS = 500
/** Of those that wait, and of those that were told and need not be told again. */
const MOST = 20_000

export class EventTeller {
  readonly #seams: EventTellerSeams
  readonly #seen = new Bounded<string, true>(MOST)
  readonly #waiting: News[] = []
  #isTelling = false

  constructor(seams: EventTellerSeams) {
    this.#seams = seams
  }

  /** What was told before is not told again. Ends with the signal, with what waits untold. */
  tell(news: readonly News[], signal: AbortSignal): void {
    for (const one of news) {
      const { pod } = one.subject
      const key = JSON.stringify([pod.uid, one.told.reason, one.told.once])
      if (this.#seen.get(key) === true) continue
      this.#seen.set(key, true)
      this.#waiting.push(one)
      if (this.#waiting.length > MOST) this.#waiting.shift()
    }
    if (!this.#isTelling && this.#waiting.length > 0) void this.#tellAll(signal)
  }

  async #tellAll(signal: AbortSignal): Promise<void> {
    const { events, clock, onError } = this.#seams
    this.#isTelling = true
    let backOff = new BackOff(FIRST_WAIT_MS)
    for (let next = this.#waiting.shift(); next !== undefined && !signal.aborted;) {
      try {
        await events.tell(next.subject, next.told)
      } catch (error) {
        if (error instanceof ClusterUnreachableError) {
          await clock.sleep(backOff.nextMs(), signal)
          continue
        }
        onError(error, next)
      }
      backOff = new BackOff(FIRST_WAIT_MS)
      await clock.sleep(PERIOD_MS, signal)
      next = this.#waiting.shift()
    }
    this.#isTelling = false
  }
}

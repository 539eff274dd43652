/**
 * What is told of pods that have gone. Of one whose agent did not come to say its last word, the store is asked first:
 * an agent that ends in order closes its stream, and only when nothing is left to ship.
 */
import type { Clock } from '../../shared/clock.ts'
import { UnreachableError } from '../../shared/object-store/object-store.ts'
import { OverdueError, within } from '../../shared/within.ts'
import type { EventTeller } from './event-teller.ts'
import type { PodFacts, PodRef } from './pod-facts.ts'
import { newsOfEnd, type News } from './pod-news.ts'
import { Turns } from './turns.ts'

/** Whether the pod has closed its stream, whoever came after it. Throws what the store throws. */
export type HasClosed = (pod: PodFacts) => Promise<boolean>

interface EndedPodsSeams {
  readonly hasClosed: HasClosed
  readonly teller: EventTeller
  readonly clock: Clock
  readonly onStoreError: (error: unknown, pod: PodRef) => void
}

const ANSWER_MS = 5_000
/** A store that did not answer is not asked again for so long: pods that went meanwhile are told of as they are known. */
const SILENT_MS = 60_000

export class EndedPods {
  readonly #seams: EndedPodsSeams
  /** However many pods go at once, the store is asked of one at a time. */
  readonly #turns = new Turns()
  #askAfterMs = -Infinity

  constructor(seams: EndedPodsSeams) {
    this.#seams = seams
  }

  /** Ends with the signal, with what waits untold. */
  tell(pod: PodFacts, signal: AbortSignal): void {
    const news = newsOfEnd(pod)
    if (news.length === 0) return
    if (pod.condition?.reason === 'Ended') return this.#seams.teller.tell(news, signal)
    void this.#turns.take(() => this.#tellUnlessClosed(pod, news, signal))
  }

  async #tellUnlessClosed(pod: PodFacts, news: News[], signal: AbortSignal): Promise<void> {
    if (signal.aborted || (await this.#hasClosed(pod))) return
    this.#seams.teller.tell(news, signal)
  }

  async #hasClosed(pod: PodFacts): Promise<boolean> {
    const { clock, hasClosed, onStoreError } = this.#seams
    if (clock.monotonicMs() < this.#askAfterMs) return false
    try {
      return await within(ANSWER_MS, clock, () => hasClosed(pod))
    } catch (error) {
      onStoreError(error, pod)
      if (error instanceof OverdueError || error instanceof UnreachableError)
        this.#askAfterMs = clock.monotonicMs() + SILENT_MS
      return false
    }
  }
}

/** The leader's eye on all pods that Holdfast has to do with: what nobody reports is seen here. */
import type { Clock } from '../../shared/clock.ts'
import { BackOff } from '../../shared/patience.ts'
import { EndedPods, type HasClosed } from './ended-pods.ts'
import { EventTeller } from './event-teller.ts'
import type { Events } from './events.ts'
import type { PodFacts, PodRef } from './pod-facts.ts'
import type { PodChange, PodFeed } from './pod-feed.ts'
import { newsOfPod, type News } from './pod-news.ts'
import { readUnshipped } from './unshipped.ts'
import { WatchedTo } from './watched-to.ts'

export interface PodWatchSeams {
  readonly feed: PodFeed
  readonly events: Events
  readonly hasClosed: HasClosed
  readonly clock: Clock
  /** A pod that is there, as it is now. */
  readonly onPod?: (pod: PodFacts, signal: AbortSignal) => void
  readonly onError: (error: unknown, news?: News) => void
  /** How a pod has ended cannot be asked; it is told of as it is known. */
  readonly onStoreError: (error: unknown, pod: PodRef) => void
}

/** An agent's last report may still wait to be written when its pod's containers have ended. */
const LAST_WORD_MS = 15_000
const FIRST_WAIT_MS = 500

export class PodWatch {
  readonly #seams: PodWatchSeams
  readonly #pods = new Map<string, PodFacts>()
  readonly #teller: EventTeller
  readonly #ended: EndedPods
  #watchedTo: WatchedTo | null = null

  constructor(seams: PodWatchSeams) {
    this.#seams = seams
    this.#teller = new EventTeller(seams)
    this.#ended = new EndedPods({ ...seams, teller: this.#teller })
  }

  /**
   * Resolves soon after the signal aborts.
   * @param since where an earlier watch, of whichever replica, had come to; null: there was none.
   */
  async run(signal: AbortSignal, since: string | null): Promise<void> {
    const { feed, clock, onError } = this.#seams
    const watchedTo = new WatchedTo(clock, since)
    this.#watchedTo = since === null ? watchedTo : null
    const lookedBack = this.#lookBack(since, signal).then(() => (this.#watchedTo = watchedTo))
    try {
      for await (const change of feed.follow(signal, onError))
        if (change.kind === 'reached') watchedTo.see(change.version)
        else this.#take(change, signal)
    } finally {
      this.#pods.clear()
      await lookedBack
    }
  }

  /** Null: no further than those before. */
  get watchedTo(): string | null {
    return this.#watchedTo?.version ?? null
  }

  /** How many pods stand how, by the reason of their condition. */
  standing(): Map<string, number> {
    const standing = new Map<string, number>()
    for (const pod of this.#pods.values()) {
      const reason = reasonOf(pod)
      standing.set(reason, (standing.get(reason) ?? 0) + 1)
    }
    return standing
  }

  /** Of the pod that is furthest behind, in seconds; it grows where an agent says nothing any more. */
  lagSeconds(): number {
    const nowMs = this.#seams.clock.now().getTime()
    const lags = [...this.#pods.values()].map(({ ended, condition }) => {
      const since = ended ? undefined : readUnshipped(condition?.message ?? '')?.since
      return since === undefined ? 0 : (nowMs - Date.parse(since)) / 1000
    })
    return Math.max(0, ...lags)
  }

  /** Nobody watched between two leaders. */
  async #lookBack(since: string | null, signal: AbortSignal): Promise<void> {
    const { feed, clock, onError } = this.#seams
    if (since === null) return
    for (const backOff = new BackOff(FIRST_WAIT_MS); !signal.aborted;) {
      try {
        for await (const pod of feed.goneSince(since, signal)) this.#ended.tell(pod, signal)
        return
      } catch (error) {
        onError(error)
        await clock.sleep(backOff.nextMs(), signal)
      }
    }
  }

  #take(change: Exclude<PodChange, { kind: 'reached' }>, signal: AbortSignal): void {
    switch (change.kind) {
      case 'all':
        return this.#takeAll(change.pods, signal)
      case 'is':
        return this.#see(change.pod, signal)
      case 'gone':
        return this.#lose(change.pod, signal)
    }
  }

  #takeAll(pods: readonly PodFacts[], signal: AbortSignal): void {
    const present = new Set(pods.map(({ uid }) => uid))
    const gone = [...this.#pods.values()].filter(({ uid }) => !present.has(uid))
    for (const pod of gone) this.#lose(pod, signal)
    for (const pod of pods) this.#see(pod, signal)
  }

  #see(pod: PodFacts, signal: AbortSignal): void {
    const before = this.#pods.get(pod.uid)
    this.#pods.set(pod.uid, pod)
    this.#teller.tell(newsOfPod(pod), signal)
    if (!pod.ended) return this.#seams.onPod?.(pod, signal)
    if (pod.condition?.reason === 'Ended') this.#ended.tell(pod, signal)
    else if (before?.ended !== true) void this.#waitForLastWord(pod.uid, signal)
  }

  #lose(pod: PodFacts, signal: AbortSignal): void {
    this.#pods.delete(pod.uid)
    this.#ended.tell(pod, signal)
  }

  async #waitForLastWord(uid: string, signal: AbortSignal): Promise<void> {
    await this.#seams.clock.sleep(LAST_WORD_MS, signal)
    const pod = this.#pods.get(uid)
    if (pod !== undefined && !signal.aborted) this.#ended.tell(pod, signal)
  }
}

function reasonOf({ declares, admitted, condition, ended }: PodFacts): string {
  if (condition !== null) return condition.reason
  if (ended) return 'Ended'
  return declares && admitted === null ? 'NotInjected' : 'Unreported'
}

import type { PodFacts } from './pod-facts.ts'

/** What happens to the pods of the cluster that Holdfast has to do with. */
export type PodChange =
  /** All there are, at one moment: those that were seen before and are not among them have gone. */
  | { readonly kind: 'all'; readonly pods: readonly PodFacts[] }
  | { readonly kind: 'is'; readonly pod: PodFacts }
  /** As it was last. */
  | { readonly kind: 'gone'; readonly pod: PodFacts }
  /** All that happened up to this resourceVersion has been said. */
  | { readonly kind: 'reached'; readonly version: string }

export interface PodFeed {
  /** Begins with all of them; ends when the signal aborts, and otherwise never: what fails is told, and tried again. */
  follow(signal: AbortSignal, onError: (error: unknown) => void): AsyncIterable<PodChange>
  /**
   * Those that went after `version`, until now or a little later: none where the API server remembers no longer.
   * Throws what it throws otherwise.
   */
  goneSince(version: string, signal: AbortSignal): AsyncIterable<PodFacts>
}

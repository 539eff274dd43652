import type { Owner, PodRef } from './pod-facts.ts'
import type { Told } from './told.ts'

/** What an Event is about: a pod, or the workload that made it. `told.once` counts by pod, in either case. */
export interface EventSubject {
  readonly pod: PodRef
  /** Null: the pod itself. */
  readonly owner: Owner | null
}

export interface Events {
  /** Told before, by whichever replica: nothing happens. Throws what the API server throws. */
  tell(subject: EventSubject, told: Told): Promise<void>
}

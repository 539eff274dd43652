import type { BackOffLimits } from './back-off.ts'
import type { Changes } from './changes.ts'
import type { EventKind } from './pod-event.ts'
import type { ProcessGuard } from './process-guard.ts'
import type { Surroundings } from './process-plan.ts'

/** The node, as its pods see it. */
export interface PodMachine extends Surroundings {
  directory: string
  guard: ProcessGuard
  backOff: BackOffLimits
  /** One for all pods: a change anywhere makes every waiter look again. */
  changes: Changes
  report(pod: string, what: EventKind, detail: string, container?: string): void
}

/** What a session of the agent works with. Composed in `main.ts`, and by the tests and the model in their own way. */
import type { ObjectStore } from '../../shared/object-store/object-store.ts'
import type { Patience } from '../../shared/patience.ts'
import type { Pin } from '../../shared/pin.ts'
import type { PodState } from '../../shared/service-contract.ts'
import type { AppState } from './app-state.ts'
import type { AppFacts } from './committer.ts'
import type { LogWriter } from './log-writer.ts'
import type { Status } from './status.ts'

/** The pair of pin and `restore-request`: resolved once to a version, fulfilled once. */
export interface RestoreRequest {
  /** As the log records it: `v42`, or `v42/<restore-request>`. */
  readonly text: string
  readonly pin: Pin
}

/**
 * Where a step ends: `await step('marked dirty')`. In production it does nothing; the crash tests end the process
 * there, and the model lets other agents run.
 */
export type Step = (name: StepName) => Promise<void> | void

/** Every step of start, restore and commit between which a crash must lose nothing. */
export const STEPS = [
  'decided',
  'opened',
  'safety saved',
  'restore recorded',
  'marked dirty',
  'restored',
  'marked clean',
  'done recorded',
  'let go',
  'frozen',
  'captured',
  'committed',
  'backup committed',
  'closed',
] as const
export type StepName = (typeof STEPS)[number]

/** What the cluster says of a pod of this namespace; undefined where nobody who knows has answered. */
export type PodStateOf = (pod: { name: string; uid: string }) => Promise<PodState | undefined>

export interface Context {
  readonly store: ObjectStore
  readonly writer: LogWriter
  readonly state: AppState
  readonly facts: AppFacts
  readonly patience: Patience
  readonly status: Status
  readonly step: Step
  readonly request: RestoreRequest | undefined
  readonly whenEmpty: 'resume' | 'fresh' | 'fail'
  /** The workload never runs two pods of one slot at once: no hand-over wait. */
  readonly exclusive: boolean
  /**
   * Where the pod took a slot that was free: the log's newest number then, 0 for none. A log that has grown since is
   * somebody else's by now. Null: the slot is the pod's own, whoever writes there.
   */
  readonly claimedAt: number | null
  readonly podState: PodStateOf
  /** The slot in which an earlier agent of this pod has let the app go, by the note that it left. */
  readonly letGoIn: () => string | undefined
  /** The app in this pod is, or is about to be, told to stop. */
  readonly stopping: AbortSignal
}

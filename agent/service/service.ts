/** What the agent wants of the service. It is never waited for where the app, or its data, would have to wait with it. */
import { HoldfastError } from '../../shared/errors.ts'
import type { HookAnswer, PodState, Report, ReportAnswer } from '../../shared/service-contract.ts'

export interface Service {
  /** All of them reject with a `ServiceError`; a signal that aborts ends the call at once. */
  report(report: Report, signal?: AbortSignal): Promise<ReportAnswer>
  podState(pod: { name: string; uid: string }, signal?: AbortSignal): Promise<PodState>
  runHook(hook: 'before' | 'after', timeoutMs: number, signal?: AbortSignal): Promise<HookAnswer>
}

export class ServiceError extends HoldfastError {
  /** The service has done nothing of what it was asked: it said so, or nobody listened. */
  readonly undone: boolean

  constructor(message: string, undone: boolean, options?: ErrorOptions) {
    super(message, options)
    this.undone = undone
  }
}

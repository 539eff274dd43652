/** What agents may ask of the service. `caller` is the pod that asks, as its token says. */
import type { HookAnswer, PodState, Report, ReportAnswer } from '../../shared/service-contract.ts'
import type { TokenReviewer } from './caller.ts'
import type { PodRef, Pods } from './pod-facts.ts'

export interface AgentsApi {
  readonly review: TokenReviewer
  report(caller: PodRef, report: Report): Promise<ReportAnswer>
  /** Of the caller's own namespace. */
  podState(caller: PodRef, name: string, uid: string): Promise<PodState>
  /** Throws a `RefusedRequestError` where it was not run, an `UnknownOutcomeError` where nobody knows. */
  runHook(caller: PodRef, which: 'before' | 'after'): Promise<HookAnswer>
}

/** Throws what the API server throws: what is not known is never guessed, since somebody's writer may yet be alive. */
export async function podStateOf(
  pods: Pick<Pods, 'read'>,
  namespace: string,
  name: string,
  uid: string,
): Promise<PodState> {
  const pod = await pods.read(namespace, name)
  if (pod?.uid !== uid || pod.ended) return 'gone'
  return pod.terminating ? 'terminating' : 'alive'
}

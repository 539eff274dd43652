/**
 * What is denied of a workload, and what its author is warned of: its pod, as far as the template tells it, is injected
 * as it will be when it comes, and what is refused then is told now.
 */
import { asRefusal, inject, type Injection } from '../inject/inject.ts'
import type { InjectionContext } from '../inject/injection-context.ts'
import { readRequest, type InjectionRequest } from '../inject/injection-request.ts'
import type { ResolvedPin } from '../inject/pin-resolver.ts'
import { copyPod, type Pod } from '../inject/pod.ts'
import { Refusal } from '../inject/refusal.ts'
import { UnknownUserRefusal } from '../inject/run-as.ts'
import { KEY } from '../../shared/sidecar-contract.ts'
import { isNewRequest, type WorkloadChange } from './change.ts'
import { imageUnderPin, severalSlots } from './denials.ts'
import { pinRequestOf } from './pin-request.ts'
import { placeholderPod } from './placeholder-pod.ts'
import { userIsAssigned } from './unknown-user.ts'
import { risks } from './warnings.ts'
import type { Workload } from './workload.ts'

/** What was learnt of a pin. */
export type PinLookup =
  | { readonly kind: 'found'; readonly resolved: ResolvedPin }
  /** There is no such version; the sentence. */
  | { readonly kind: 'missing'; readonly sentence: string }
  /** It cannot be known now; why. */
  | { readonly kind: 'unknown'; readonly reason: string }
  /** There is no pin, or none that could be looked up before the pod is known. */
  | { readonly kind: 'none' }

export interface Judgement {
  readonly denials: readonly Refusal[]
  readonly warnings: readonly string[]
}

/** What the workload's pods ask for. `context` has no resolved pin yet. */
export function requestOf(
  workload: Workload,
  context: InjectionContext,
): InjectionRequest | Refusal {
  try {
    return readRequest(copyPod(placeholderPod(workload)), context)
  } catch (error) {
    return asRefusal(error)
  }
}

/** The pin means one version, whichever pod comes: it can be looked up now. */
export function isLookedUp(workload: Workload, request: InjectionRequest): boolean {
  if (request.pin === null || workload.kind === 'DaemonSet') return false
  return severalSlots(workload, request) === undefined
}

export function judge(
  change: WorkloadChange,
  request: InjectionRequest,
  lookup: PinLookup,
  context: InjectionContext,
): Judgement {
  const { workload } = change
  const resolved = lookup.kind === 'found' ? lookup.resolved : undefined
  const { injection, assigned } = injectPlaceholder(workload, resolved, context)
  const denials = [
    severalSlots(workload, request),
    missingVersion(change, lookup),
    imageUnderPin(change, request, resolved),
    injection instanceof Refusal ? injection : undefined,
  ]
  const warnings = [
    ...assigned,
    ...(injection instanceof Refusal ? [] : injection.warnings),
    ...notLookedUp(workload, lookup),
    ...risks(workload, request, resolved),
  ]
  return { denials: denials.filter((one) => one !== undefined), warnings }
}

/** `assigned` says that its user is yet to be given. */
function injectPlaceholder(
  workload: Workload,
  resolved: ResolvedPin | undefined,
  context: InjectionContext,
): { injection: Injection | Refusal; assigned: readonly string[] } {
  const pod = copyPod(placeholderPod(workload))
  const injection = injectAsResolved(pod, resolved, context)
  const user = context.facts.assignedUser
  if (!(injection instanceof UnknownUserRefusal) || user === undefined)
    return { injection, assigned: [] }
  pod.spec.securityContext = { ...pod.spec.securityContext, runAsUser: user }
  return {
    injection: injectAsResolved(pod, resolved, context),
    assigned: [userIsAssigned(injection)],
  }
}

/** Without its pin where that is not resolved. A template has fewer fields than its pods, so their hashes differ always. */
function injectAsResolved(pod: Pod, resolved: ResolvedPin | undefined, context: InjectionContext) {
  if (resolved === undefined) {
    delete pod.metadata.labels?.[KEY.restore]
    return inject(pod, context)
  }
  const { templateHash: _hash, ...known } = resolved
  return inject(pod, { ...context, resolved: known })
}

/** A workload whose version has been pruned since goes on with what its pin was resolved to. */
function missingVersion(change: WorkloadChange, lookup: PinLookup): Refusal | undefined {
  if (lookup.kind !== 'missing' || !isNewRequest(change)) return undefined
  return new Refusal(lookup.sentence)
}

function notLookedUp({ template }: Workload, lookup: PinLookup): string[] {
  if (lookup.kind !== 'unknown') return []
  return [
    `${KEY.restore}=${pinRequestOf(template).pin} cannot be looked up now (${lookup.reason}): pods wait until it can be`,
  ]
}

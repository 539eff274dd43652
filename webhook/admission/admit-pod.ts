/** POST /mutate: the sidecar for a pod that is created. Nothing is written anywhere, so a dry run is like any other. */
import { HoldfastError, NotFoundError, UsageError } from '../../shared/errors.ts'
import { asRefusal, inject, type Injection } from '../inject/inject.ts'
import type { InjectionContext, ServiceSettings } from '../inject/injection-context.ts'
import { asksForHoldfast, readRequest } from '../inject/injection-request.ts'
import type { NamespacePolicies } from './namespace-policies.ts'
import type { PinResolver } from '../inject/pin-resolver.ts'
import { podPatch } from '../inject/pod-patch.ts'
import { copyPod, labelOf } from '../inject/pod.ts'
import { KEY } from '../../shared/sidecar-contract.ts'
import { Refusal } from '../inject/refusal.ts'
import { allowed, readReview, refused, type AdmissionAnswer, type ReviewRequest } from './review.ts'
import { withinDeadline } from './within-deadline.ts'

export interface AdmissionDependencies {
  readonly service: ServiceSettings
  readonly policies: NamespacePolicies
  readonly resolvePin: PinResolver
  /** Milliseconds that may pass before the API server gives up waiting. */
  readonly deadlineMs: number
}

/** Throws a `BadReviewError` where `body` is no review; every other answer is a review. */
export async function admit(
  body: unknown,
  dependencies: AdmissionDependencies,
): Promise<AdmissionAnswer> {
  const request = readReview(body)
  if (!createsPod(request)) return allowed(request, 'untouched')
  const { deadlineMs } = dependencies
  try {
    const context = await withinDeadline(contextOf(request, dependencies), deadlineMs, 'the store')
    if (context === null) return allowed(request, 'untouched')
    const injection = inject(request.object, context)
    return injection instanceof Refusal ? refused(request, injection) : injected(request, injection)
  } catch (error) {
    return refused(request, toRefusal(error))
  }
}

/** A live pod is never changed, and other kinds are none of ours, however the webhook is registered. */
function createsPod(request: ReviewRequest): boolean {
  const { kind } = request.kind
  const isCore = (request.kind.group ?? '') === ''
  return request.operation === 'CREATE' && isCore && kind === 'Pod' && !request.subResource
}

/** Null: the pod asks for nothing. Throws refusals, and whatever made the pin unknowable. */
async function contextOf(
  request: ReviewRequest,
  { service, policies, resolvePin }: AdmissionDependencies,
): Promise<InjectionContext | null> {
  const { namespace, object } = request
  if (typeof namespace !== 'string' || namespace === '')
    throw new Refusal('the admission request names no namespace; pods are created in one')
  const context: InjectionContext = {
    namespace,
    facts: { restricted: false },
    service,
    resolved: null,
  }
  if (!asksForHoldfast(object, context)) return null
  const known = { ...context, facts: await policies.factsOf(namespace) }
  const pod = copyPod(object)
  const { pin, identity, restoreRequest, store } = readRequest(pod, known)
  if (pin === null) return known
  const stream = { namespace, app: identity.app, slot: identity.slot, store }
  const pinText = labelOf(pod, KEY.restore) ?? ''
  return { ...known, resolved: await resolvePin(stream, pin, pinText, restoreRequest) }
}

/** What is not there is the author's to mend; what cannot be known now is tried again by the workload's controller. */
function toRefusal(error: unknown): Refusal {
  if (error instanceof NotFoundError) return new Refusal(error.message, 422, { cause: error })
  if (error instanceof Refusal || error instanceof UsageError) return asRefusal(error)
  const reason = error instanceof HoldfastError ? error.message : 'the reason is in its log'
  return new Refusal(`Holdfast cannot decide about this pod now: ${reason}`, 503, { cause: error })
}

function injected(request: ReviewRequest, { pod, warnings }: Injection): AdmissionAnswer {
  const patch = podPatch(request.object as object, pod as object)
  return allowed(request, patch.length > 0 ? 'injected' : 'untouched', { patch, warnings })
}

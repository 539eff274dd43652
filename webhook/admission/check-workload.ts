/**
 * POST /check: tells whoever applies a workload what its pods would be refused for, and what is risky. It only advises:
 * what cannot be known in time, or breaks here, holds nobody up.
 */
import { HoldfastError, NotFoundError } from '../../shared/errors.ts'
import type { InjectionContext } from '../inject/injection-context.ts'
import { asksForHoldfast, type InjectionRequest } from '../inject/injection-request.ts'
import { Refusal } from '../inject/refusal.ts'
import { UnknownUserRefusal } from '../inject/run-as.ts'
import { isNewRequest, isTemplateChanged, type WorkloadChange } from '../workload/change.ts'
import { isLookedUp, judge, requestOf, type Judgement, type PinLookup } from '../workload/check.ts'
import { pinRequestOf } from '../workload/pin-request.ts'
import type { RunningPod, RunningPods } from '../workload/running-pods.ts'
import { nameUser } from '../workload/unknown-user.ts'
import { misplacedKeys, stuckPods, waitsForPods } from '../workload/warnings.ts'
import { readWorkload } from '../workload/workload.ts'
import type { AdmissionDependencies } from './admit-pod.ts'
import { changedWorkload } from './changed-workload.ts'
import { allowed, readReview, refused, type AdmissionAnswer, type ReviewRequest } from './review.ts'
import { withinDeadline } from './within-deadline.ts'

export interface CheckDependencies extends AdmissionDependencies {
  readonly pods: RunningPods
}

/** Throws a `BadReviewError` where `body` is no review; every other answer is a review. */
export async function checkWorkload(
  body: unknown,
  dependencies: CheckDependencies,
): Promise<AdmissionAnswer> {
  const request = readReview(body)
  const change = changeOf(request)
  const { namespace } = request
  if (change === undefined || !namespace || namespace === dependencies.service.ownNamespace)
    return allowed(request, 'untouched')
  try {
    return toAnswer(request, await judgementOf(namespace, change, dependencies))
  } catch (cause) {
    const reason = cause instanceof HoldfastError ? cause.message : 'the reason is in its log'
    const sentence = `Holdfast cannot check this ${change.workload.kind} now: ${reason}`
    const answer = allowed(request, 'failed', { warnings: [sentence] })
    return { ...answer, refusal: new Refusal(sentence, 503, { cause }) }
  }
}

/** Undefined: nothing of it is ours to judge. */
function changeOf(request: ReviewRequest): WorkloadChange | undefined {
  const changed = changedWorkload(request)
  if (changed === undefined) return undefined
  const { kind, object, before } = changed
  const workload = readWorkload(kind, object)
  const old = before === null ? null : readWorkload(kind, before)
  return workload === undefined || old === undefined ? undefined : { workload, before: old }
}

async function judgementOf(
  namespace: string,
  change: WorkloadChange,
  dependencies: CheckDependencies,
): Promise<Judgement> {
  const { workload, before } = change
  const isChanged = isTemplateChanged(change)
  const misplaced = misplacedKeys(workload, isChanged ? null : before)
  const { service, policies, deadlineMs } = dependencies
  const context = { namespace, facts: { restricted: false }, service, resolved: null }
  if (!isChanged || !asksForHoldfast(workload.template, context))
    return { denials: [], warnings: misplaced }
  const facts = await withinDeadline(
    policies.factsOf(namespace),
    deadlineMs * SHARES.namespace,
    'the API server',
  )
  const { denials, warnings } = await judged(change, { ...context, facts }, dependencies)
  return { denials, warnings: [...misplaced, ...warnings] }
}

/** Of the deadline: what one lookup takes leaves the others their time. */
const SHARES = { namespace: 0.25, store: 0.45, pods: 0.25 }

async function judged(
  change: WorkloadChange,
  context: InjectionContext,
  dependencies: CheckDependencies,
): Promise<Judgement> {
  const { workload } = change
  const request = requestOf(workload, context)
  if (request instanceof Refusal) return { denials: [request], warnings: [] }
  const lookup = isLookedUp(workload, request)
    ? await lookUp(change, request, context, dependencies)
    : ({ kind: 'none' } as const)
  const { denials, warnings } = judge(change, request, lookup, context)
  const isUserUnknown = denials.some((denial) => denial instanceof UnknownUserRefusal)
  if (!isUserUnknown && !(isNewRequest(change) && waitsForPods(workload)))
    return { denials, warnings }
  const pods = await podsOf(change, context.namespace, dependencies)
  return {
    denials: denials.map((one) => (one instanceof UnknownUserRefusal ? nameUser(one, pods) : one)),
    warnings: [...warnings, ...stuckPods(change, pods)],
  }
}

async function lookUp(
  { workload }: WorkloadChange,
  { pin, identity, store, restoreRequest }: InjectionRequest,
  { namespace }: InjectionContext,
  { resolvePin, deadlineMs }: CheckDependencies,
): Promise<PinLookup> {
  if (pin === null) return { kind: 'none' }
  const stream = { namespace, app: identity.app, slot: identity.slot, store }
  const pinText = pinRequestOf(workload.template).pin ?? ''
  const work = resolvePin(stream, pin, pinText, restoreRequest)
  try {
    const resolved = await withinDeadline(work, deadlineMs * SHARES.store, 'the store')
    return { kind: 'found', resolved }
  } catch (error) {
    if (error instanceof NotFoundError) return { kind: 'missing', sentence: error.message }
    if (error instanceof HoldfastError) return { kind: 'unknown', reason: error.message }
    throw error
  }
}

/** None where they cannot be had: the sentences say less then. */
async function podsOf(
  { workload }: WorkloadChange,
  namespace: string,
  { pods, deadlineMs }: CheckDependencies,
): Promise<readonly RunningPod[]> {
  const work = pods.podsOf(namespace, workload)
  try {
    return await withinDeadline(work, deadlineMs * SHARES.pods, 'the API server')
  } catch (error) {
    if (error instanceof HoldfastError) return []
    throw error
  }
}

function toAnswer(request: ReviewRequest, { denials, warnings }: Judgement): AdmissionAnswer {
  const shown = [...new Set(warnings)]
  const [first] = denials
  if (first === undefined)
    return allowed(request, shown.length > 0 ? 'warned' : 'untouched', { warnings: shown })
  const message = denials.map((denial) => denial.message).join('\n')
  const code = denials.every((denial) => denial.code === 403) ? 403 : 422
  return refused(request, new Refusal(message, code, { cause: first }), shown)
}

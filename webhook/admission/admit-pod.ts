/** AdmissionReview v1 in, AdmissionReview v1 out. Nothing is written anywhere, so a dry run is like any other. */
import * as v from 'valibot'
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

export interface AdmissionDependencies {
  readonly service: ServiceSettings
  readonly policies: NamespacePolicies
  readonly resolvePin: PinResolver
  /** Milliseconds that may pass before the API server gives up waiting. */
  readonly deadlineMs: number
}

/** The request cannot be answered as an AdmissionReview. */
export class BadReviewError extends UsageError {}

export interface AdmissionAnswer {
  /** The body of the response. */
  readonly review: object
  readonly outcome: 'injected' | 'untouched' | 'refused' | 'failed'
  readonly namespace: string
  /** Why it was refused. */
  readonly refusal?: Refusal
}

const API_VERSION = 'admission.k8s.io/v1'
const REASONS = { 422: 'Invalid', 403: 'Forbidden', 503: 'ServiceUnavailable' } as const
const OptionalText = v.nullish(v.string())

const ReviewSchema = v.looseObject({
  apiVersion: v.literal(API_VERSION),
  kind: v.literal('AdmissionReview'),
  request: v.looseObject({
    uid: v.pipe(v.string(), v.minLength(1)),
    operation: v.string(),
    kind: v.looseObject({ group: OptionalText, kind: v.string() }),
    subResource: OptionalText,
    namespace: OptionalText,
    object: v.unknown(),
  }),
})

type Request = v.InferOutput<typeof ReviewSchema>['request']

/** Throws a `BadReviewError` where `body` is no review; every other answer is a review. */
export async function admit(
  body: unknown,
  dependencies: AdmissionDependencies,
): Promise<AdmissionAnswer> {
  const request = readReview(body)
  if (!createsPod(request)) return untouched(request)
  try {
    const context = await withinDeadline(contextOf(request, dependencies), dependencies.deadlineMs)
    if (context === null) return untouched(request)
    const injection = inject(request.object, context)
    return injection instanceof Refusal ? refused(request, injection) : injected(request, injection)
  } catch (error) {
    return refused(request, toRefusal(error))
  }
}

function readReview(body: unknown): Request {
  const result = v.safeParse(ReviewSchema, body)
  if (result.success) return result.output.request
  const issue = result.issues[0]
  const where = v.getDotPath(issue) ?? 'the body'
  throw new BadReviewError(
    `no AdmissionReview of ${API_VERSION}: ${where} is ${issue.received}, expected ${issue.expected ?? 'a value'}`,
  )
}

/** A live pod is never changed, and other kinds are none of ours, however the webhook is registered. */
function createsPod(request: Request): boolean {
  const { kind } = request.kind
  const isCore = (request.kind.group ?? '') === ''
  return request.operation === 'CREATE' && isCore && kind === 'Pod' && !request.subResource
}

/** Null: the pod asks for nothing. Throws refusals, and whatever made the pin unknowable. */
async function contextOf(
  request: Request,
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

async function withinDeadline<T>(work: Promise<T>, deadlineMs: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new Refusal(`the store did not answer within ${deadlineMs} ms; try again`, 503))
    }, deadlineMs)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}

/** What is not there is the author's to mend; what cannot be known now is tried again by the workload's controller. */
function toRefusal(error: unknown): Refusal {
  if (error instanceof NotFoundError) return new Refusal(error.message, 422, { cause: error })
  if (error instanceof Refusal || error instanceof UsageError) return asRefusal(error)
  const reason = error instanceof HoldfastError ? error.message : 'the reason is in its log'
  return new Refusal(`Holdfast cannot decide about this pod now: ${reason}`, 503, { cause: error })
}

function untouched(request: Request): AdmissionAnswer {
  return answer(request, 'untouched', { allowed: true })
}

function injected(request: Request, { pod, warnings }: Injection): AdmissionAnswer {
  const patch = podPatch(request.object as object, pod as object)
  return answer(request, patch.length > 0 ? 'injected' : 'untouched', {
    allowed: true,
    ...(patch.length > 0 && {
      patchType: 'JSONPatch',
      patch: Buffer.from(JSON.stringify(patch)).toString('base64'),
    }),
    ...(warnings.length > 0 && { warnings }),
  })
}

function refused(request: Request, refusal: Refusal): AdmissionAnswer {
  const { code, message } = refusal
  const status = { status: 'Failure', code, reason: REASONS[code], message }
  const outcome = code === 503 ? 'failed' : 'refused'
  return { ...answer(request, outcome, { allowed: false, status }), refusal }
}

function answer(
  request: Request,
  outcome: AdmissionAnswer['outcome'],
  response: object,
): AdmissionAnswer {
  const review = {
    apiVersion: API_VERSION,
    kind: 'AdmissionReview',
    response: { uid: request.uid, ...response },
  }
  return { review, outcome, namespace: request.namespace ?? '' }
}

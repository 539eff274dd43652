/** AdmissionReview v1, as the API server sends it and as it wants its answer. */
import * as v from 'valibot'
import type { Operation } from 'fast-json-patch'
import { UsageError } from '../../shared/errors.ts'
import type { Refusal } from '../inject/refusal.ts'

/** The request cannot be answered as an AdmissionReview. */
export class BadReviewError extends UsageError {}

export interface AdmissionAnswer {
  /** The body of the response. */
  readonly review: object
  readonly outcome: 'injected' | 'stamped' | 'warned' | 'untouched' | 'refused' | 'failed'
  readonly namespace: string
  /** Why it was refused, or what could not be known about it. */
  readonly refusal?: Refusal
}

/** Answers the body of a request; throws a `BadReviewError` where it is no review. */
export type Admission = (body: unknown) => Promise<AdmissionAnswer>

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
    oldObject: v.optional(v.unknown()),
  }),
})

export type ReviewRequest = v.InferOutput<typeof ReviewSchema>['request']

/** Throws a `BadReviewError` that names the first field at fault. */
export function readReview(body: unknown): ReviewRequest {
  const result = v.safeParse(ReviewSchema, body)
  if (result.success) return result.output.request
  const issue = result.issues[0]
  const where = v.getDotPath(issue) ?? 'the body'
  throw new BadReviewError(
    `no AdmissionReview of ${API_VERSION}: ${where} is ${issue.received}, expected ${issue.expected ?? 'a value'}`,
  )
}

/** The object may go on, changed by `patch` (where there is one), with a word to whoever sent it. */
export function allowed(
  request: ReviewRequest,
  outcome: AdmissionAnswer['outcome'],
  { patch = [], warnings = [] }: { patch?: Operation[]; warnings?: readonly string[] } = {},
): AdmissionAnswer {
  return answer(request, outcome, {
    allowed: true,
    ...(patch.length > 0 && {
      patchType: 'JSONPatch',
      patch: Buffer.from(JSON.stringify(patch)).toString('base64'),
    }),
    ...(warnings.length > 0 && { warnings }),
  })
}

/** `warnings` are shown beside the refusal. */
export function refused(
  request: ReviewRequest,
  refusal: Refusal,
  warnings: readonly string[] = [],
): AdmissionAnswer {
  const { code, message } = refusal
  const status = { status: 'Failure', code, reason: REASONS[code], message }
  const outcome = code === 503 ? 'failed' : 'refused'
  const response = { allowed: false, status, ...(warnings.length > 0 && { warnings }) }
  return { ...answer(request, outcome, response), refusal }
}

function answer(
  request: ReviewRequest,
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

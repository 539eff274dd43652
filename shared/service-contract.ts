/**
 * What the agents and the service say to each other: HTTPS with JSON bodies, the pod's projected token as
 * `Authorization: Bearer`. Who asks is taken from the token's review, never from a body. Both ends read with these
 * schemas; fields that a reader does not know are passed over, since agents outlive releases of the service.
 *
 *   POST /v1/report               Report → ReportAnswer
 *   GET  /v1/pods/<name>/<uid>    → PodAnswer
 *   POST /v1/hooks/<before|after> → HookAnswer
 *
 * Every answer but 200 is a `Refusal`. A 4xx says that nothing was done, and that the same will be refused again.
 */
import * as v from 'valibot'

/** The audience of the projected token, which the service has reviewed. */
export const SERVICE_AUDIENCE = 'holdfast.dev'
export const REPORT_PATH = '/v1/report'
export const PODS_PATH = '/v1/pods'
export const HOOKS_PATH = '/v1/hooks'

/** Bytes of a body, either way. */
export const MAX_BODY_BYTES = 128 * 1024
/** Characters of anything that is said in words; who says more cuts it. */
export const MAX_WORDS = 1024
/** Characters of a name: a stream, a slot, a tag. */
export const MAX_NAME = 256
/** Answered requests in one report, the newest. */
export const MAX_BACKUPS = 8

export const PHASES = [
  'starting',
  'waiting',
  'holding',
  'restoring',
  'running',
  'draining',
  'ended',
] as const

const Count = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(Number.MAX_SAFE_INTEGER))
const Name = v.pipe(v.string(), v.maxLength(MAX_NAME))
const Words = v.pipe(v.string(), v.maxLength(MAX_WORDS))

/** What the service is to know of an agent now; the newest one replaces what was said before. */
export const ReportSchema = v.object({
  /** `<namespace>/<app>/<slot>`, and the slot; null before a slot was taken. */
  stream: v.nullable(Name),
  slot: v.nullable(Name),
  phase: v.picklist(PHASES),
  /** One sentence: why it waits or holds, or how far it is. */
  reason: Words,
  /** The app has been let go. */
  ready: v.boolean(),
  line: v.picklist(['main', 'superseded']),
  /** The bucket overwrites what a conditional PUT should have refused. */
  unfenced: v.boolean(),
  /** The newest version of this agent; 0: none yet. */
  lastVersion: Count,
  lastComplete: v.boolean(),
  /** Since when something is not durable, in seconds before this report; 0: all is. */
  lagSeconds: v.pipe(v.number(), v.minValue(0)),
  unshippedBytes: Count,
  /** What a person should know once; empty: nothing. */
  note: Words,
  /** Why nothing is committed, or why the store refuses; empty when all is well. */
  problem: Words,
  /** Why the app may still stand still between two hooks; empty when it was thawed. */
  frozen: Words,
  /** The restore request that this agent has fulfilled, and its version (0: nothing). Null: it has fulfilled none; what was said before stands. */
  restored: v.nullable(v.object({ request: Words, version: Count })),
  /** Requests (`holdfast.dev/backup`) answered since the last report that was heard, oldest first: a version, or why there is none. */
  backups: v.pipe(
    v.array(v.object({ request: Name, version: v.nullable(Count), problem: v.nullable(Words) })),
    v.maxLength(MAX_BACKUPS),
  ),
})
export type Report = v.InferOutput<typeof ReportSchema>

/** As far as the pod's container statuses tell by now. */
export const ReportAnswerSchema = v.object({
  images: v.array(
    v.object({
      container: v.string(),
      /** As the pod's spec names it now. */
      image: v.string(),
      /** `repository@sha256:…`, by which it can be pulled; null where it cannot (an image loaded by hand). */
      digest: v.nullable(v.string()),
    }),
  ),
})
export type ReportAnswer = v.InferOutput<typeof ReportAnswerSchema>

/**
 * Of the caller's namespace, by a read that no cache answered. `gone`: there is no such pod, another one has its name,
 * or it has ended. `terminating`: it was told to end, and its containers may still write.
 */
export const PodAnswerSchema = v.object({ state: v.picklist(['alive', 'terminating', 'gone']) })
export type PodState = v.InferOutput<typeof PodAnswerSchema>['state']

/** How the command ended that the caller's own assignment names; a refusal (4xx) where it was not run. */
export const HookAnswerSchema = v.object({
  exitCode: v.pipe(v.number(), v.integer()),
  /** The end of what it wrote. */
  output: Words,
})
export type HookAnswer = v.InferOutput<typeof HookAnswerSchema>

/** One sentence for a person. */
export const ServiceRefusalSchema = v.object({ problem: Words })

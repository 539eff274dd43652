/**
 * By what the webhook tells the agent its task: one JSON literal in the sidecar's environment, written at CREATE
 * and never read back from a live pod, plus three facts of the pod by the downward API.
 * `formatAssignment` and `parseAssignment` are the two ends of it.
 */
import * as v from 'valibot'
import { HoldfastError } from './errors.ts'
import { KeepSchema } from './repository/log-record.ts'

export const SIDECAR_NAME = 'holdfast'
/** The program in the sidecar's image; its verbs: `replicate` (main), `wait` (startupProbe), `drain` (preStop). */
export const AGENT_COMMAND = 'holdfast-agent'
export const ENV = {
  assignment: 'HOLDFAST_ASSIGNMENT',
  podName: 'HOLDFAST_POD_NAME',
  podUid: 'HOLDFAST_POD_UID',
  nodeName: 'HOLDFAST_NODE_NAME',
  /** Outside of a container: the folder below which the container's paths are found. Never set in a pod. */
  root: 'HOLDFAST_ROOT',
} as const
/** Where the sidecar sees what the kubelet tells it of its pod, and renews (never by subPath). */
export const POD_INFO_DIR = '/etc/holdfast/pod'
/** The volume that brings it. */
export const POD_INFO_VOLUME = 'holdfast-pod'
/** Its files: the pod's annotations, and, where there is a service to ask, the token that says who asks. */
export const ANNOTATIONS_FILE = 'annotations'
export const TOKEN_FILE = 'token'

export const KEY = {
  state: 'holdfast.dev/state',
  restore: 'holdfast.dev/restore',
  restoreRequest: 'holdfast.dev/restore-request',
  runAs: 'holdfast.dev/run-as',
  backup: 'holdfast.dev/backup',
  policy: 'holdfast.dev/policy',
  injected: 'holdfast.dev/injected',
  lastVersion: 'holdfast.dev/last-version',
  lastBackup: 'holdfast.dev/last-backup',
  restored: 'holdfast.dev/restored',
  slot: 'holdfast.dev/slot',
} as const

const Text = v.pipe(v.string(), v.minLength(1))
const WholeNumber = v.pipe(v.number(), v.integer(), v.minValue(0))

/** A hook of the declaration: HTTP on localhost, or a command in the app's container. */
const HookSchema = v.strictObject({
  http: v.optional(Text),
  exec: v.optional(v.array(v.string())),
  timeoutMs: WholeNumber,
  onError: v.picklist(['fail', 'continue']),
})

/** Where the agent reports to, and asks. */
const ServiceSchema = v.strictObject({
  /** `https://<host>[:<port>]`. */
  url: v.pipe(Text, v.startsWith('https://')),
  /** PEM of the authorities that its certificate is trusted by. */
  ca: Text,
})

export const AssignmentSchema = v.strictObject({
  namespace: Text,
  app: Text,
  /** Null: a ReplicaSet's pod, which takes the first slot whose last writer has closed or is gone. */
  slot: v.nullable(Text),
  /** The URL of the repository. */
  store: Text,
  /** `holdfast.dev/restore` as it stood at CREATE. */
  pin: v.nullable(Text),
  /** `holdfast.dev/restore-request` as it stood at CREATE. */
  restoreRequest: v.nullable(Text),
  /** The declared paths, without trailing slash. `at` is where the sidecar sees it (mostly the same). */
  paths: v.pipe(
    v.array(
      v.strictObject({
        path: Text,
        at: Text,
        /** `auto`: files, with databases among them noticed. */
        as: v.picklist(['auto', 'files', 'sqlite']),
        exclude: v.array(v.string()),
      }),
    ),
    v.minLength(1),
  ),
  /** Every volume at, above or below a declared path, by where the sidecar sees its root. The mark lies there. */
  volumes: v.array(
    v.strictObject({
      at: Text,
      /** `emptyDir.sizeLimit`: a restore that would pass it is not begun. Null: none. */
      sizeLimitBytes: v.nullable(WholeNumber),
      /** `emptyDir.medium: Memory`: its pages count against the sidecar's memory limit while it restores. */
      memory: v.boolean(),
    }),
  ),
  /** RPO promised: a change is durable within this time. */
  withinMs: v.pipe(WholeNumber, v.minValue(1)),
  before: v.nullable(HookSchema),
  after: v.nullable(HookSchema),
  /** Where hooks that are commands run; absent where none is. */
  hookContainer: v.exactOptional(Text),
  whenEmpty: v.picklist(['resume', 'fresh', 'fail']),
  /** What retention shall keep, to be recorded with each version. Absent: a webhook from before it was told; none is recorded. */
  keep: v.exactOptional(KeepSchema),
  /**
   * The containers' images as the pod's spec names them, to be recorded with each version; `template`: what the pod's
   * author wrote, where a pin has set another.
   */
  images: v.array(
    v.strictObject({ container: Text, image: Text, template: v.exactOptional(Text) }),
  ),
  /** Hash of the pod template, so that a rollback can say "the template differs, too". */
  templateHash: Text,
  /** The pod's terminationGracePeriodSeconds as injected; recorded in `open` for the hand-over. */
  graceSeconds: WholeNumber,
  /** The workload never runs two pods of one slot at once (StatefulSet, DaemonSet, Job): no hand-over wait. */
  exclusive: v.boolean(),
  /** The value of this pod's own `holdfast.dev/injected`; a copy of the pod lacks it and stays idle. */
  injected: Text,
  /** Null, or absent (a webhook from before there was one): there is none to talk to. */
  service: v.optional(v.nullable(ServiceSchema), null),
})

export type Assignment = v.InferOutput<typeof AssignmentSchema>
export type AgentService = NonNullable<Assignment['service']>

/** The literal for the container's environment. The kubelet expands `$(NAME)` there and makes `$` of each `$$`, so every `$` is doubled. */
export function formatAssignment(assignment: Assignment): string {
  return JSON.stringify(assignment).replaceAll('$', '$$$$')
}

/** Reads the environment's value (after the kubelet's expansion). Throws one sentence about the first fault. */
export function parseAssignment(text: string): Assignment {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw new HoldfastError(`${ENV.assignment} is no JSON`, { cause })
  }
  const result = v.safeParse(AssignmentSchema, value)
  if (result.success) return result.output
  const issue = result.issues[0]
  throw new HoldfastError(
    `${ENV.assignment}: ${v.getDotPath(issue) ?? 'the value'}: found ${issue.received}, allowed is ${issue.expected ?? issue.message}; the webhook and the agent are of different releases, or the pod was edited by hand`,
  )
}

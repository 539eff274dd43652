/**
 * The part of a Pod that the runner honours. What it cannot honour, and would change the outcome, is refused in one
 * sentence; what makes no difference between processes of one user (securityContext, resources) is left unread.
 */
import * as v from 'valibot'
import { UsageError } from '../../shared/errors.ts'

const Text = v.pipe(v.string(), v.minLength(1))
const Strings = v.record(v.string(), v.string())
const Count = v.pipe(v.number(), v.integer(), v.minValue(0))
const unsupported = (what: string) => v.optional(v.never(`the pod runner has no ${what}`))

const Exec = v.strictObject({ exec: v.strictObject({ command: v.array(Text) }) }, 'allowed is exec')
const HttpGet = v.strictObject({
  httpGet: v.looseObject({
    path: v.optional(Text, '/'),
    port: v.union([Count, Text]),
    scheme: v.optional(v.literal('HTTP')),
  }),
})
const timing = {
  initialDelaySeconds: v.optional(Count, 0),
  timeoutSeconds: v.optional(Count, 1),
  periodSeconds: v.optional(Count, 10),
  successThreshold: v.optional(Count, 1),
  failureThreshold: v.optional(Count, 3),
}
const Probe = v.union(
  [
    v.strictObject({ ...Exec.entries, ...timing }),
    v.strictObject({ ...HttpGet.entries, ...timing }),
  ],
  'allowed are exec and httpGet (plain HTTP) with the times of a probe: the pod runner has no others',
)

const Env = v.strictObject({
  name: Text,
  value: v.optional(v.string()),
  valueFrom: v.optional(
    v.strictObject({ fieldRef: v.looseObject({ fieldPath: Text }) }, 'allowed is fieldRef'),
  ),
})

const ContainerSchema = v.looseObject({
  name: Text,
  image: Text,
  command: v.optional(v.array(v.string())),
  args: v.optional(v.array(v.string()), []),
  workingDir: v.optional(Text),
  env: v.optional(v.array(Env), []),
  envFrom: v.optional(
    v.array(
      v.strictObject(
        {
          secretRef: v.strictObject({ name: Text, optional: v.optional(v.boolean(), false) }),
          prefix: v.optional(v.string(), ''),
        },
        'allowed is secretRef',
      ),
    ),
    [],
  ),
  ports: v.optional(v.array(v.looseObject({ name: v.optional(Text), containerPort: Count })), []),
  volumeMounts: v.optional(
    v.array(
      v.looseObject({
        name: Text,
        mountPath: v.pipe(Text, v.startsWith('/')),
        subPath: v.optional(v.string()),
        subPathExpr: v.optional(v.string()),
      }),
    ),
    [],
  ),
  restartPolicy: v.optional(v.literal('Always')),
  startupProbe: v.optional(Probe),
  readinessProbe: v.optional(Probe),
  livenessProbe: unsupported('livenessProbe'),
  lifecycle: v.optional(
    v.strictObject({ preStop: v.optional(Exec) }, 'allowed is preStop with exec'),
  ),
})

const Item = v.looseObject({ path: Text, fieldRef: v.looseObject({ fieldPath: Text }) })
const VolumeSchema = v.union(
  [
    v.strictObject({ name: Text, emptyDir: v.looseObject({}) }),
    v.strictObject({ name: Text, persistentVolumeClaim: v.looseObject({ claimName: Text }) }),
    v.strictObject({ name: Text, downwardAPI: v.looseObject({ items: v.array(Item) }) }),
  ],
  'allowed are emptyDir, persistentVolumeClaim and downwardAPI: the pod runner has no other volumes',
)

const PodSchema = v.looseObject({
  metadata: v.looseObject({
    name: Text,
    namespace: v.optional(Text, 'default'),
    uid: v.optional(Text),
    labels: v.optional(Strings, {}),
    annotations: v.optional(Strings, {}),
  }),
  spec: v.looseObject({
    initContainers: v.optional(v.array(ContainerSchema), []),
    containers: v.pipe(v.array(ContainerSchema), v.minLength(1)),
    volumes: v.optional(v.array(VolumeSchema), []),
    restartPolicy: v.optional(
      v.literal('Always', 'allowed is Always: the pod runner runs no pods that complete'),
    ),
    terminationGracePeriodSeconds: v.optional(Count, 30),
  }),
})

export type Pod = v.InferOutput<typeof PodSchema>
export type Container = v.InferOutput<typeof ContainerSchema>
export type Volume = v.InferOutput<typeof VolumeSchema>
export type Probe = v.InferOutput<typeof Probe>

/** Defaults filled in. Throws UsageError, one sentence about the first fault. */
export function parsePod(value: unknown): Pod {
  const result = v.safeParse(PodSchema, value)
  if (result.success) return result.output
  const [issue] = result.issues
  throw new UsageError(`the pod cannot be run: ${v.getDotPath(issue) ?? 'pod'}: ${issue.message}`)
}

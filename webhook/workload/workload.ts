/** The workloads whose templates become pods, as far as they are judged. The objects themselves are never rebuilt from these types. */
import * as v from 'valibot'

const OptionalText = v.nullish(v.string())
const OptionalCount = v.nullish(v.number())
const TextMap = v.nullish(v.record(v.string(), v.string()))

const TemplateSchema = v.looseObject({
  metadata: v.nullish(v.looseObject({ labels: TextMap, annotations: TextMap })),
  spec: v.looseObject({
    volumes: v.nullish(v.array(v.looseObject({ name: v.string() }))),
    hostNetwork: v.nullish(v.boolean()),
    dnsPolicy: OptionalText,
  }),
})

const SelectorSchema = v.looseObject({
  matchLabels: TextMap,
  matchExpressions: v.nullish(
    v.array(
      v.looseObject({
        key: v.string(),
        operator: v.string(),
        values: v.nullish(v.array(v.string())),
      }),
    ),
  ),
})

const SpecSchema = v.looseObject({
  selector: v.nullish(SelectorSchema),
  replicas: OptionalCount,
  progressDeadlineSeconds: OptionalCount,
  podManagementPolicy: OptionalText,
  updateStrategy: v.nullish(v.looseObject({ type: OptionalText })),
  volumeClaimTemplates: v.nullish(
    v.array(v.looseObject({ metadata: v.looseObject({ name: v.string() }) })),
  ),
  ordinals: v.nullish(v.looseObject({ start: OptionalCount })),
  concurrencyPolicy: OptionalText,
  completionMode: OptionalText,
  completions: OptionalCount,
  parallelism: OptionalCount,
  activeDeadlineSeconds: OptionalCount,
  template: TemplateSchema,
})

const WorkloadSchema = v.looseObject({
  metadata: v.looseObject({
    name: OptionalText,
    generateName: OptionalText,
    labels: TextMap,
    annotations: TextMap,
    ownerReferences: v.nullish(v.array(v.looseObject({ controller: v.nullish(v.boolean()) }))),
  }),
  spec: SpecSchema,
  status: v.nullish(v.looseObject({ desiredNumberScheduled: OptionalCount })),
})

const CronJobSchema = v.looseObject({
  spec: v.looseObject({
    concurrencyPolicy: OptionalText,
    jobTemplate: v.looseObject({ spec: v.looseObject({}) }),
  }),
})

const GROUPS = {
  Deployment: 'apps',
  StatefulSet: 'apps',
  DaemonSet: 'apps',
  Job: 'batch',
  CronJob: 'batch',
} as const

export type WorkloadKind = keyof typeof GROUPS
export type PodTemplate = v.InferOutput<typeof TemplateSchema>
export type PodSelector = v.InferOutput<typeof SelectorSchema>

/** Labels and annotations of a workload or a template. */
export interface Metadata {
  readonly labels?: Readonly<Record<string, string>> | null | undefined
  readonly annotations?: Readonly<Record<string, string>> | null | undefined
}

export interface Workload {
  readonly kind: WorkloadKind
  /** Where only generateName is said, that and a placeholder. */
  readonly name: string
  /** The workload's own, which say nothing to its pods. */
  readonly metadata: Metadata
  /** A controller made it, and makes the like of it again. */
  readonly isOwned: boolean
  readonly template: PodTemplate
  /** Of the workload's spec; of a CronJob, its Jobs', and `concurrencyPolicy`. */
  readonly spec: v.InferOutput<typeof SpecSchema>
  /** A DaemonSet's pods, as far as its controller has counted them. */
  readonly scheduled: number | undefined
}

/** Undefined: it is none of the five. */
export function workloadKind(group: string, kind: string): WorkloadKind | undefined {
  const kinds = Object.keys(GROUPS) as WorkloadKind[]
  return kinds.find((one) => one === kind && GROUPS[one] === group)
}

/** Where a kind has its pod template. */
export function templatePath(kind: WorkloadKind): readonly string[] {
  return kind === 'CronJob' ? ['spec', 'jobTemplate', 'spec', 'template'] : ['spec', 'template']
}

/** Undefined where `object` has not the shape of its kind: the API server itself says so. */
export function readWorkload(kind: WorkloadKind, object: unknown): Workload | undefined {
  const result = v.safeParse(WorkloadSchema, kind === 'CronJob' ? jobsOf(object) : object)
  if (!result.success) return undefined
  const { metadata, spec, status } = result.output
  return {
    kind,
    name: metadata.name ?? `${metadata.generateName ?? ''}xxxxx`,
    metadata,
    isOwned: (metadata.ownerReferences ?? []).some((owner) => owner.controller === true),
    template: spec.template,
    spec,
    scheduled: status?.desiredNumberScheduled ?? undefined,
  }
}

/** A CronJob as the Job that it makes, with what it says of them all. */
function jobsOf(object: unknown): unknown {
  const result = v.safeParse(CronJobSchema, object)
  if (!result.success) return object
  const { concurrencyPolicy, jobTemplate } = result.output.spec
  return { ...result.output, spec: { ...jobTemplate.spec, concurrencyPolicy } }
}

/**
 * What is risky, for the person who applies it. One sentence each, of 256 characters at most: the API server may cut
 * what is longer.
 */
import { formatDuration } from '../../shared/declaration/duration.ts'
import { KEY } from '../../shared/sidecar-contract.ts'
import type { InjectionRequest } from '../inject/injection-request.ts'
import type { ResolvedPin } from '../inject/pin-resolver.ts'
import { copyPod } from '../inject/pod.ts'
import { Refusal } from '../inject/refusal.ts'
import { mountsOf } from '../inject/volumes.ts'
import { isNewRequest, type WorkloadChange } from './change.ts'
import { pinRequestOf } from './pin-request.ts'
import { placeholderPod } from './placeholder-pod.ts'
import type { RunningPod } from './running-pods.ts'
import { slotCount } from './slots.ts'
import type { Metadata, Workload } from './workload.ts'

/** A change that is lost with an emptyDir: more than most people have in mind. */
const LONG_WITHIN_MS = 60_000
/** Of a restore over a network, assumed: a rough middle, since nobody has measured the one in question. */
const RESTORE_BYTES_PER_SECOND = 50_000_000
/** Kubernetes' "never". */
const NO_DEADLINE = 2_147_483_647

/** Keys on the workload itself, where they say nothing to its pods. Those that `before` has, too, were told of. */
export function misplacedKeys(
  { metadata, template, kind }: Workload,
  before: Workload | null,
): string[] {
  const told = before === null ? [] : misplaced(before.metadata, before.template.metadata)
  const where = kind === 'CronJob' ? 'spec.jobTemplate.spec.template' : 'spec.template'
  return misplaced(metadata, template.metadata)
    .filter(([key]) => !told.some(([one]) => one === key))
    .map(
      ([key, part]) =>
        `${key} among the ${kind}'s own ${part} does nothing; put it into ${where}.metadata.${part}`,
    )
}

function misplaced(own: Metadata, template: Metadata | null | undefined) {
  const keys = [
    [KEY.state, 'annotations'],
    [KEY.restore, 'labels'],
  ] as const
  return keys.filter(
    ([key, part]) => own[part]?.[key] !== undefined && template?.[part]?.[key] === undefined,
  )
}

/** Of one workload, whatever it was before. */
export function risks(
  workload: Workload,
  request: InjectionRequest,
  resolved: ResolvedPin | undefined,
): string[] {
  return [
    ...losableVolumes(workload, request),
    ...concurrentWriters(workload),
    ...uncountedSlots(workload, request),
    ...tooLarge(workload, resolved),
    ...unheard(workload),
  ]
}

function losableVolumes(workload: Workload, { declaration, policy }: InjectionRequest): string[] {
  const within = policy['backup.within'].value
  if (within <= LONG_WITHIN_MS) return []
  const pod = copyPod(placeholderPod(workload))
  return declaration.paths.flatMap((declared) => {
    const volume = outerVolume(() => mountsOf(pod, declared, true).mounts[0]?.volume)
    if (!volume?.emptyDir) return []
    const lost = formatDuration(within)
    return `"${declared.path}" is on an emptyDir, which goes with its pod, and backup.within is ${lost}: a node that dies takes up to ${lost} of changes with it; shorten backup.within, or use a PersistentVolumeClaim`
  })
}

/** What is wrong with the path is told by the refusal. */
function outerVolume<T>(find: () => T): T | undefined {
  try {
    return find()
  } catch (error) {
    if (error instanceof Refusal) return undefined
    throw error
  }
}

function concurrentWriters({ kind, name, spec }: Workload): string[] {
  if (kind === 'CronJob' && (spec.concurrencyPolicy ?? 'Allow') === 'Allow')
    return [
      `concurrencyPolicy of CronJob "${name}" is Allow: two runs at once write one stream, and the later one supersedes the earlier; set it to Forbid or Replace`,
    ]
  const isJob = kind === 'Job' || kind === 'CronJob'
  if (isJob && spec.completionMode !== 'Indexed' && (spec.parallelism ?? 1) > 1)
    return [
      `parallelism of ${kind} "${name}" is ${spec.parallelism}, and its pods write one stream, where each supersedes the other; set completionMode: Indexed, which gives each a slot`,
    ]
  return []
}

function uncountedSlots(workload: Workload, { pin }: InjectionRequest): string[] {
  if (pin?.kind !== 'version' || slotCount(workload) !== undefined) return []
  return [
    `${KEY.restore}=v${pin.number} numbers the versions of one stream, and a ${workload.kind} has one on each node; pin a tag, or a time as 20261120T141500Z`,
  ]
}

function tooLarge({ kind, spec, template }: Workload, resolved?: ResolvedPin): string[] {
  const bytes = resolved?.bytes ?? 0
  const seconds = Math.ceil(bytes / RESTORE_BYTES_PER_SECOND)
  const [field, deadline] =
    kind === 'Deployment'
      ? (['progressDeadlineSeconds', spec.progressDeadlineSeconds] as const)
      : (['activeDeadlineSeconds', spec.activeDeadlineSeconds] as const)
  if (!deadline || deadline === NO_DEADLINE || seconds <= deadline) return []
  const { pin } = pinRequestOf(template)
  const outcome =
    kind === 'Deployment'
      ? 'rollout tools report a failure (helm --atomic rolls back) while it goes on'
      : 'the Job is ended before it'
  return [
    `${KEY.restore}=${pin} is ${(bytes / 1e9).toFixed(1)} GB, about ${seconds} s to restore at 50 MB/s (assumed), and ${field} is ${deadline}: ${outcome}; raise it`,
  ]
}

/** A pod on its node's network asks the node's name server, unless it is told otherwise; that knows no Service. */
function unheard({ template: { spec } }: Workload): string[] {
  if (spec.hostNetwork !== true || (spec.dnsPolicy ?? 'ClusterFirst') !== 'ClusterFirst') return []
  return [
    'hostNetwork without dnsPolicy: ClusterFirstWithHostNet: the sidecar finds no Service by its name, neither ours, to which it then reports nothing, nor a store of the cluster; set that dnsPolicy',
  ]
}

/** An OrderedReady StatefulSet waits for pods that are not Ready, and never replaces them: the good template, too, waits for them. */
export function waitsForPods({ kind, spec }: Workload): boolean {
  return (
    kind === 'StatefulSet' &&
    spec.podManagementPolicy !== 'Parallel' &&
    spec.updateStrategy?.type !== 'OnDelete'
  )
}

export function stuckPods(change: WorkloadChange, pods: readonly RunningPod[]): string[] {
  if (!isNewRequest(change) || !waitsForPods(change.workload)) return []
  const names = pods.filter((pod) => !pod.ready && !pod.terminating).map(({ name }) => name)
  const [first, ...others] = names.toSorted()
  if (first === undefined) return []
  const more = others.length === 0 ? '' : ` and ${others.length} more`
  return [
    `pod ${first}${more} of StatefulSet "${change.workload.name}" is not Ready, so that it is not replaced and nothing is restored; delete it: kubectl delete pod ${[first, ...others].slice(0, 3).join(' ')}`,
  ]
}

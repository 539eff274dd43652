/**
 * Which stream a pod belongs to, read off the pod as the API server sends it at CREATE: its owner (one level only),
 * its labels, its name where it already has one.
 */
import { createHash } from 'node:crypto'
import { streamPartProblem } from '../../shared/stream-name.ts'
import { annotationOf, labelOf, type Pod } from './pod.ts'
import { Refusal } from './refusal.ts'

export interface Identity {
  readonly app: string
  /** Null: the agent takes the first slot whose last writer has closed or is gone. */
  readonly slot: string | null
  /** The workload never runs two pods of this slot at once. */
  readonly exclusive: boolean
}

type Owner = NonNullable<Pod['metadata']['ownerReferences']>[number]

const HASH_LABELS = ['pod-template-hash', 'rollouts-pod-template-hash']
const POD_INDEX = 'apps.kubernetes.io/pod-index'
const COMPLETION_INDEX = 'batch.kubernetes.io/job-completion-index'
const KNATIVE_REVISION = 'serving.knative.dev/revision'
/** A CronJob names its Jobs after the minute, counted since 1970: eight digits until the year 2160. */
const SCHEDULED_MINUTES = /-\d{8}$/
const SAY_APP = 'give the app a name in holdfast.dev/state: "app: <name>", beside "paths:"'

/** `declaredApp` is what the declaration says. Throws a `Refusal` where the app or the slot has no lasting name. */
export function identityOf(pod: Pod, declaredApp: string | undefined): Identity {
  const owner = controllerOf(pod)
  const identity = {
    app: declaredApp ?? appOf(pod, owner),
    ...slotOf(pod, owner),
  }
  for (const [role, part] of Object.entries({ app: identity.app, slot: identity.slot })) {
    const problem = part === null ? undefined : streamPartProblem(part)
    if (problem !== undefined) throw new Refusal(`the ${role} "${part}" of this pod ${problem}`)
  }
  return identity
}

/** Names this pod's rightful sidecar: a copy of the pod under another name or owner has another value. */
export function injectedValue(namespace: string, identity: Identity, pod: Pod): string {
  const { name, generateName } = pod.metadata
  const self = name ?? controllerOf(pod)?.uid ?? generateName ?? ''
  const facts = [namespace, identity.app, identity.slot, self]
  return createHash('sha256').update(JSON.stringify(facts)).digest('hex').slice(0, 16)
}

export function controllerOf(pod: Pod): Owner | undefined {
  return pod.metadata.ownerReferences?.find((owner) => owner.controller === true)
}

function appOf(pod: Pod, owner: Owner | undefined): string {
  const { name } = pod.metadata
  if (labelOf(pod, KNATIVE_REVISION) !== undefined)
    throw new Refusal(
      `the app's name would change with every Knative revision ("${labelOf(pod, KNATIVE_REVISION)}"); ${SAY_APP}`,
    )
  if (owner === undefined) {
    if (typeof name === 'string') return name
    throw new Refusal(
      `a pod with generateName "${pod.metadata.generateName ?? ''}" and no owner has no lasting name; ${SAY_APP}`,
    )
  }
  if (owner.kind === 'Job' && SCHEDULED_MINUTES.test(owner.name))
    throw new Refusal(
      `its Job is named like the runs of a CronJob ("${owner.name.replace(SCHEDULED_MINUTES, '-')}" and eight digits), and each run would begin an empty history; ${SAY_APP}`,
    )
  return owner.kind === 'ReplicaSet' ? withoutTemplateHash(pod, owner.name) : owner.name
}

function withoutTemplateHash(pod: Pod, replicaSet: string): string {
  for (const key of HASH_LABELS) {
    const hash = labelOf(pod, key)
    if (hash !== undefined && hash !== '' && replicaSet.endsWith(`-${hash}`))
      return replicaSet.slice(0, -hash.length - 1)
  }
  return replicaSet
}

function slotOf(pod: Pod, owner: Owner | undefined): Pick<Identity, 'slot' | 'exclusive'> {
  const { name } = pod.metadata
  if (owner === undefined) return { slot: name ?? null, exclusive: false }
  switch (owner.kind) {
    case 'ReplicaSet':
    case 'ReplicationController':
      return { slot: null, exclusive: false }
    case 'StatefulSet':
      return { slot: ordinalOf(pod, owner), exclusive: true }
    case 'DaemonSet':
      return { slot: nodeOf(pod, owner), exclusive: true }
    case 'Job':
      return {
        slot: labelOf(pod, COMPLETION_INDEX) ?? annotationOf(pod, COMPLETION_INDEX) ?? '0',
        exclusive: true,
      }
    default:
      return { slot: name ?? null, exclusive: false }
  }
}

function ordinalOf(pod: Pod, owner: Owner): string {
  const name = pod.metadata.name ?? ''
  const suffix = name.startsWith(`${owner.name}-`) ? name.slice(owner.name.length + 1) : ''
  const ordinal = labelOf(pod, POD_INDEX) ?? suffix
  if (/^\d{1,10}$/.test(ordinal)) return ordinal
  throw new Refusal(
    `pod "${name}" of StatefulSet "${owner.name}" has no ordinal: neither the label ${POD_INDEX} nor the end of its name is a number; let the StatefulSet name its pods`,
  )
}

/** A DaemonSet binds its pods to their node by a node affinity; the scheduler has not run yet. */
function nodeOf(pod: Pod, owner: Owner): string {
  const node = pod.spec.nodeName ?? affinityNode(pod.spec.affinity)
  if (typeof node === 'string' && node !== '') return node
  throw new Refusal(
    `a pod of DaemonSet "${owner.name}" names no node, neither in its node affinity nor in nodeName; let the DaemonSet controller create it`,
  )
}

function affinityNode(affinity: Pod['spec']['affinity']): string | undefined {
  const required = affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution
  const fields = (required?.nodeSelectorTerms ?? []).flatMap((term) => term.matchFields ?? [])
  return fields.find((field) => field.key === 'metadata.name')?.values?.[0]
}

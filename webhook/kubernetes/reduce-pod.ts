/** A pod as the API server sends it, reduced to what the controller needs of it. */
import * as v from 'valibot'
import {
  KEY,
  ENV,
  SIDECAR_NAME,
  parseAssignment,
  type Assignment,
} from '../../shared/sidecar-contract.ts'
import { HoldfastError } from '../../shared/errors.ts'
import { CONDITION } from '../controller/condition.ts'
import type {
  AdmittedFacts,
  Owner,
  PodFacts,
  ProtectedCondition,
  RunningContainer,
} from '../controller/pod-facts.ts'
import { readObject } from './read-object.ts'

const Texts = v.nullish(v.record(v.string(), v.string()))
const ContainerSchema = v.object({
  name: v.string(),
  image: v.nullish(v.string()),
  env: v.nullish(v.array(v.object({ name: v.string(), value: v.nullish(v.string()) }))),
})
const StatusSchema = v.object({ name: v.string(), imageID: v.nullish(v.string()) })
const ConditionSchema = v.object({
  type: v.string(),
  status: v.picklist(['True', 'False', 'Unknown']),
  reason: v.nullish(v.string()),
  message: v.nullish(v.string()),
  lastTransitionTime: v.nullish(v.string()),
  lastProbeTime: v.nullish(v.string()),
})

const PodSchema = v.object({
  metadata: v.object({
    namespace: v.string(),
    name: v.string(),
    uid: v.string(),
    resourceVersion: v.string(),
    labels: Texts,
    annotations: Texts,
    deletionTimestamp: v.nullish(v.string()),
    ownerReferences: v.nullish(
      v.array(
        v.object({
          apiVersion: v.string(),
          kind: v.string(),
          name: v.string(),
          uid: v.string(),
          controller: v.nullish(v.boolean()),
        }),
      ),
    ),
  }),
  spec: v.object({
    containers: v.array(ContainerSchema),
    initContainers: v.nullish(v.array(ContainerSchema)),
  }),
  status: v.nullish(
    v.object({
      phase: v.nullish(v.string()),
      conditions: v.nullish(v.array(ConditionSchema)),
      containerStatuses: v.nullish(v.array(StatusSchema)),
      initContainerStatuses: v.nullish(v.array(StatusSchema)),
    }),
  ),
})

export type PodObject = v.InferOutput<typeof PodSchema>
type Container = v.InferOutput<typeof ContainerSchema>

const MIRROR_POD = 'kubernetes.io/config.mirror'
const MARKS = [KEY.lastVersion, KEY.lastBackup, KEY.restored, KEY.slot]

/** Throws a `ClusterError` where it is no pod. */
export function readPod(object: unknown): PodObject {
  return readObject(PodSchema, object)
}

export function reducePod({ metadata, spec, status }: PodObject): PodFacts {
  const { namespace, name, uid, resourceVersion } = metadata
  const annotations = metadata.annotations ?? {}
  const marks = MARKS.flatMap((key) => {
    const value = annotations[key]
    return value === undefined ? [] : [[key, value] as const]
  })
  const assignment = assignmentOf({ spec })
  return {
    namespace,
    name,
    uid,
    resourceVersion,
    owner: ownerOf(metadata.ownerReferences),
    terminating: typeof metadata.deletionTimestamp === 'string',
    ended: status?.phase === 'Succeeded' || status?.phase === 'Failed',
    declares: annotations[KEY.state] !== undefined && annotations[MIRROR_POD] === undefined,
    admitted: assignment === null ? null : admittedFacts(assignment),
    restoreLabel: metadata.labels?.[KEY.restore] ?? null,
    condition: conditionOf(status?.conditions),
    marks: Object.fromEntries(marks),
  }
}

/** What the sidecar was told at CREATE, which cannot be changed since. Null: there is no sidecar, or none that this release reads. */
export function assignmentOf({ spec }: Pick<PodObject, 'spec'>): Assignment | null {
  const sidecar = spec.initContainers?.find((container) => container.name === SIDECAR_NAME)
  const literal = sidecar?.env?.find((variable) => variable.name === ENV.assignment)?.value
  if (literal === null || literal === undefined) return null
  try {
    // As the kubelet does for the container.
    return parseAssignment(literal.replaceAll('$$', '$'))
  } catch (error) {
    if (error instanceof HoldfastError) return null
    throw error
  }
}

export function runningContainers({ spec, status }: PodObject): RunningContainer[] {
  const statuses = [...(status?.containerStatuses ?? []), ...(status?.initContainerStatuses ?? [])]
  const containers: Container[] = [...spec.containers, ...(spec.initContainers ?? [])]
  return containers
    .filter((container) => container.name !== SIDECAR_NAME)
    .map(({ name, image }) => ({
      container: name,
      image: image ?? '',
      imageId: statuses.find((one) => one.name === name)?.imageID ?? '',
    }))
}

function admittedFacts(assignment: Assignment): AdmittedFacts {
  const { app, slot, store, pin, restoreRequest, withinMs } = assignment
  const pinnedImages = assignment.images.flatMap(({ container, image, template }) =>
    template === undefined ? [] : [{ container, image, template }],
  )
  return { app, slot, store, pin, restoreRequest, withinMs, pinnedImages }
}

function ownerOf(owners: PodObject['metadata']['ownerReferences']): Owner | null {
  const found = owners?.find(({ controller }) => controller === true)
  if (found === undefined) return null
  const { apiVersion, kind, name, uid } = found
  return { apiVersion, kind, name, uid }
}

function conditionOf(
  conditions: readonly v.InferOutput<typeof ConditionSchema>[] | null | undefined,
): ProtectedCondition | null {
  const found = conditions?.find(({ type }) => type === CONDITION)
  if (found === undefined) return null
  return {
    status: found.status,
    reason: found.reason ?? '',
    message: found.message ?? '',
    since: found.lastTransitionTime ?? '',
    heardAt: found.lastProbeTime ?? '',
  }
}

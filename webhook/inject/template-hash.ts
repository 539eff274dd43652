/** A hash of what the pod template says, equal for all pods of one template. */
import { createHash } from 'node:crypto'
import type { Container, Pod } from './pod.ts'
import { canonicalPodResources } from './resources.ts'

const DEFAULT_GRACE_SECONDS = 30
const TOKEN_VOLUME = /^kube-api-access-[a-z0-9]{5}$/

/**
 * `pod` is the pod as it came, without anything of Holdfast's. Left out is what varies by pod (node, hostname, the
 * token volume, a claim of its own) and the images, which a version records by themselves.
 */
export function templateHash(pod: Pod): string {
  const spec = structuredClone(pod.spec)
  for (const key of ['nodeName', 'hostname']) delete spec[key]
  for (const term of nodeTerms(spec)) delete term.matchFields
  spec.terminationGracePeriodSeconds ??= DEFAULT_GRACE_SECONDS
  spec.volumes = (spec.volumes ?? []).filter((volume) => !TOKEN_VOLUME.test(volume.name))
  for (const { name, persistentVolumeClaim: claim } of spec.volumes)
    if (claim?.claimName === `${name}-${pod.metadata.name}`) delete claim.claimName
  const containers = [...spec.containers, ...(spec.initContainers ?? [])]
  for (const container of containers) withoutPodParts(container)
  if (spec.initContainers?.length === 0) delete spec.initContainers
  canonicalPodResources({ ...pod, spec })
  const text = JSON.stringify(sorted(spec))
  return createHash('sha256').update(text).digest('hex').slice(0, 16)
}

function nodeTerms(spec: Pod['spec']) {
  const required = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution
  return required?.nodeSelectorTerms ?? []
}

function withoutPodParts(container: Container): void {
  delete container.image
  if (container.volumeMounts)
    container.volumeMounts = container.volumeMounts.filter((one) => !TOKEN_VOLUME.test(one.name))
}

/** Keys in one order, so that equal values have equal texts. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1))
  return Object.fromEntries(entries.map(([key, one]) => [key, sorted(one)]))
}

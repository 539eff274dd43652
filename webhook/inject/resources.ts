/** CPU and memory of the sidecar, and what they change in the pod's own sums. */
import { formatBytes, formatCpu, parseQuantity } from './quantity.ts'
import type { Container, Pod, Resources } from './pod.ts'
import { Refusal } from './refusal.ts'
import { fitToBounds, type ContainerBound } from './limit-range.ts'
import type { PlacedMount } from './mount-placement.ts'
import { KINDS, type SidecarResources } from './resource-kinds.ts'

/** The agent's memory is bounded by its design; CPU may burst while it restores. */
const REQUESTS = { cpu: '20m', memory: '128Mi' }
const LIMITS = { cpu: '1', memory: '256Mi' }
/** Beside a Guaranteed app: requests = limits. */
const GUARANTEED = { cpu: '100m', memory: '256Mi' }

/**
 * `pod` is the pod without the sidecar. Throws a `Refusal` for a memory volume without a bound, and for a namespace in
 * which a container may not have what the sidecar needs.
 */
export function sidecarResources(
  pod: Pod,
  mounts: readonly PlacedMount[],
  bounds: readonly ContainerBound[],
): SidecarResources {
  const guaranteed = isGuaranteed(pod)
  const limits = { ...(guaranteed ? GUARANTEED : LIMITS) }
  limits.memory = formatBytes(parseQuantity(limits.memory)! + memoryVolumes(mounts))
  return fitToBounds({ requests: guaranteed ? { ...limits } : { ...REQUESTS }, limits }, bounds)
}

/** Pages of a memory volume count against the container that writes them: in a restore, the sidecar. */
function memoryVolumes(mounts: readonly PlacedMount[]): bigint {
  const sizes = new Map<string, bigint>()
  for (const { mount, memory, sizeLimitBytes } of mounts) {
    if (!memory) continue
    if (sizeLimitBytes === null)
      throw new Refusal(
        `volume "${mount.name}" is a memory emptyDir without sizeLimit, and its pages count against the sidecar's memory while it restores; set emptyDir.sizeLimit, as 64Mi`,
      )
    sizes.set(mount.name, BigInt(sizeLimitBytes) * 1_000_000_000n)
  }
  return [...sizes.values()].reduce((sum, size) => sum + size, 0n)
}

/** Requests equal limits, for CPU and memory, of the pod where it says them itself, else of every container. */
export function isGuaranteed(pod: Pod): boolean {
  const own = pod.spec.resources
  if (own?.requests || own?.limits) return hasEqualResources(own)
  const containers: Container[] = [...pod.spec.containers, ...(pod.spec.initContainers ?? [])]
  return containers.every((container) => hasEqualResources(container.resources))
}

function hasEqualResources(resources: Resources | null | undefined): boolean {
  return KINDS.every((kind) => {
    const limit = parseQuantity(resources?.limits?.[kind] ?? '')
    const request = resources?.requests?.[kind]
    if (limit === undefined || limit === 0n) return false
    return request === undefined || parseQuantity(request) === limit
  })
}

/**
 * Adds (`sign` 1) or takes away (-1) the sidecar's share of the pod-level resources, where the pod has any:
 * the API server refuses a pod whose containers ask for more than the pod.
 */
export function growPodResources(pod: Pod, by: Resources | null | undefined, sign: 1n | -1n): void {
  for (const side of ['requests', 'limits'] as const) {
    const sums = pod.spec.resources?.[side]
    if (!sums) continue
    for (const kind of KINDS) {
      const [sum, share] = [
        parseQuantity(sums[kind] ?? ''),
        parseQuantity(by?.[side]?.[kind] ?? ''),
      ]
      if (sum === undefined || share === undefined) continue
      const grown = sum + sign * share
      sums[kind] = kind === 'cpu' ? formatCpu(positive(grown)) : formatBytes(positive(grown))
    }
  }
}

const NOTHING = { cpu: '0', memory: '0' }

/** Writes the pod-level resources as `growPodResources` would. */
export function canonicalPodResources(pod: Pod): void {
  growPodResources(pod, { requests: NOTHING, limits: NOTHING }, 1n)
}

function positive(quantity: bigint): bigint {
  return quantity < 0n ? 0n : quantity
}

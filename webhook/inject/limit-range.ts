/** Pure: what a namespace's LimitRanges leave for the sidecar's resources. */
import { formatBytes, formatCpu, parseQuantity } from './quantity.ts'
import { Refusal } from './refusal.ts'
import { KINDS, type Kind, type SidecarResources } from './resource-kinds.ts'

type Quantities = Readonly<Record<string, string | number>>

/** One bound of a LimitRange on each container. */
export interface ContainerBound {
  /** The LimitRange's name. */
  readonly of: string
  readonly min: Quantities
  readonly max: Quantities
  readonly maxLimitRequestRatio: Quantities
}

/** So little does for the sidecar's CPU, if it must; its memory is what its design needs. */
const LEAST_CPU = parseQuantity('20m') as bigint
const UNIT = 1_000_000_000n

/**
 * `wanted` within all bounds: the API server would refuse the pod in an Event of its ReplicaSet that nobody reads.
 * Throws a `Refusal` where the sidecar cannot live on what it may have.
 */
export function fitToBounds(
  wanted: SidecarResources,
  bounds: readonly ContainerBound[],
): SidecarResources {
  const requests = { ...wanted.requests }
  const limits = { ...wanted.limits }
  for (const kind of KINDS) {
    const isGuaranteed = requests[kind] === limits[kind]
    let [request, limit] = [read(requests[kind]), read(limits[kind])]
    const least = kind === 'cpu' ? LEAST_CPU : limit
    for (const { of, max } of bounds) {
      const most = readOf(max, kind)
      if (most === undefined || most >= limit) continue
      if (most < least) throw tooSmall(of, kind, most, least)
      limit = most
    }
    for (const { min } of bounds) limit = largest(limit, readOf(min, kind))
    for (const { min, maxLimitRequestRatio } of bounds) {
      request = largest(request, readOf(min, kind))
      const ratio = readOf(maxLimitRequestRatio, kind)
      if (ratio !== undefined) request = largest(request, (limit * UNIT + ratio - 1n) / ratio)
    }
    limits[kind] = format(kind, limit)
    requests[kind] = format(kind, isGuaranteed || request > limit ? limit : request)
  }
  return { requests, limits }
}

function tooSmall(of: string, kind: Kind, most: bigint, least: bigint): Refusal {
  return new Refusal(
    `the LimitRange "${of}" of this namespace lets a container have ${format(kind, most)} of ${kind} at most, and the sidecar needs ${format(kind, least)}; raise its max.${kind}`,
    403,
  )
}

function largest(one: bigint, other: bigint | undefined): bigint {
  return other !== undefined && other > one ? other : one
}

function readOf(quantities: Quantities, kind: Kind): bigint | undefined {
  const value = quantities[kind]
  return value === undefined ? undefined : parseQuantity(value)
}

function read(quantity: string): bigint {
  return parseQuantity(quantity) as bigint
}

function format(kind: Kind, quantity: bigint): string {
  return kind === 'cpu' ? formatCpu(quantity) : formatBytes(quantity)
}

/** The difference between a pod and the injected pod, as a JSON Patch (RFC 6902). */
import jsonPatch, { type Operation } from 'fast-json-patch'
import { SIDECAR_NAME } from '../../shared/sidecar-contract.ts'

interface Named {
  readonly name?: unknown
}
interface WithInitContainers {
  spec?: { initContainers?: Named[] | null }
}

/**
 * Lists are compared by position: a container put in front of others would rewrite each one behind it. So the
 * sidecar is taken to its place first, and the rest is compared then.
 */
export function podPatch(before: object, after: object): Operation[] {
  if (before === after) return []
  const moved = structuredClone(before) as WithInitContainers
  const place = placeSidecar(moved, after)
  return [...place, ...jsonPatch.compare(moved, after)]
}

/** Changes `pod`; answers the operations that do the same. */
function placeSidecar(pod: WithInitContainers, target: WithInitContainers): Operation[] {
  const from = pod.spec?.initContainers
  const to = target.spec?.initContainers
  if (!Array.isArray(from) || !Array.isArray(to)) return []
  const [old, index] = [from, to].map((list) => list.findIndex(isSidecar)) as [number, number]
  if (old === index) return []
  const operations: Operation[] = []
  if (old >= 0) {
    from.splice(old, 1)
    operations.push({ op: 'remove', path: `/spec/initContainers/${old}` })
  }
  if (index < 0) return operations
  const sidecar = to[index] as Named
  from.splice(index, 0, sidecar)
  operations.push({ op: 'add', path: `/spec/initContainers/${index}`, value: sidecar })
  return operations
}

function isSidecar(container: Named | null): boolean {
  return container?.name === SIDECAR_NAME
}

/** Where the sidecar mounts what it needs: as the app does, unless that would hide its own program or another mount. */
import { isAtOrBelow } from '../../shared/declaration/path-relations.ts'
import type { Container, VolumeMount } from './pod.ts'
import { Refusal } from './refusal.ts'
import { volumeLimits, type VolumeLimits } from './volume-kinds.ts'
import { isSamePlace, mountPathOf, type NeededMount, type PathMounts } from './volumes.ts'

/** Below it, by container, lies what cannot lie where the app has it. */
const ASIDE = '/holdfast'
/** Directories that the sidecar's image and the runtime fill; a mount at or above one of them would hide it. */
const OWN = [
  '/bin',
  '/dev',
  '/etc/holdfast',
  '/etc/ssl',
  '/lib',
  '/lib64',
  '/opt/holdfast',
  '/proc',
  '/sbin',
  '/sys',
  '/usr/bin',
  '/usr/lib',
  '/usr/local/bin',
  '/usr/local/lib',
]

export interface PlacedMount extends VolumeLimits {
  /** As the sidecar's `volumeMounts` has it. */
  readonly mount: VolumeMount
  readonly at: string
}

export interface Placement {
  readonly mounts: readonly PlacedMount[]
  /** Where the sidecar sees each declared path, in their order. */
  readonly pathsAt: readonly string[]
}

/** Throws a `Refusal` for a mount that cannot be shared. */
export function placeMounts(paths: readonly PathMounts[]): Placement {
  const placed: PlacedMount[] = []
  const roots = new Map<Container, string>()
  for (const { container } of paths) {
    if (roots.has(container)) continue
    const needed = paths.filter((path) => path.container === container).flatMap((p) => p.mounts)
    const root = fits(needed, placed) ? '' : `${ASIDE}/${container.name}`
    roots.set(container, root)
    for (const one of needed) {
      const mount = sidecarMount(one.mount, root)
      if (placed.some((other) => other.at === mount.mountPath)) continue
      const limits = volumeLimits(one.volume)
      placed.push({ mount, at: mount.mountPath, ...limits })
    }
  }
  return {
    mounts: placed,
    pathsAt: paths.map(({ declared, container }) => `${roots.get(container)}${declared.path}`),
  }
}

/** None hides a directory of the sidecar's, none collides with what another container has elsewhere. */
function fits(needed: readonly NeededMount[], placed: readonly PlacedMount[]): boolean {
  return needed.every(({ mount }) => {
    const at = mountPathOf(mount)
    if (OWN.some((own) => isAtOrBelow(own, at)) || isAtOrBelow(at, '/etc/holdfast')) return false
    return placed.every((other) =>
      other.at === at
        ? isSamePlace(other.mount, mount)
        : !isAtOrBelow(other.at, at) && !isAtOrBelow(at, other.at),
    )
  })
}

function sidecarMount(mount: VolumeMount, root: string): VolumeMount {
  const { name, subPath, subPathExpr, mountPropagation } = mount
  if (mountPropagation === 'Bidirectional')
    throw new Refusal(
      `"${mount.mountPath}" is mounted with mountPropagation Bidirectional, which needs a privileged sidecar; use HostToContainer or None, or declare another path`,
    )
  return {
    name,
    mountPath: `${root}${mountPathOf(mount)}`,
    ...(typeof subPath === 'string' && subPath !== '' && { subPath }),
    ...(typeof subPathExpr === 'string' && subPathExpr !== '' && { subPathExpr }),
    ...(mountPropagation === 'HostToContainer' && { mountPropagation }),
  }
}

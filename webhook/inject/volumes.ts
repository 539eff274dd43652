/**
 * Which mounts a declared path needs: of the container that it is read through, the mount nearest at or above the
 * path, and every mount below it (to a sidecar that mounts only the outer volume a nested one is an empty directory).
 */
import { closest } from 'fastest-levenshtein'
import type { DeclaredPath } from '../../shared/declaration/declaration.ts'
import { isAtOrBelow } from '../../shared/declaration/path-relations.ts'
import {
  appContainers,
  initContainers,
  isNativeSidecar,
  type Container,
  type Pod,
  type Volume,
  type VolumeMount,
} from './pod.ts'
import { Refusal } from './refusal.ts'
import { isHostPath, isReadOnlyVolume, noStateKind } from './volume-kinds.ts'

export interface NeededMount {
  readonly mount: VolumeMount
  readonly volume: Volume
}

export interface PathMounts {
  readonly declared: DeclaredPath
  /** Through which the path is read. */
  readonly container: Container
  /** The mount nearest at or above the path first, then those below it. */
  readonly mounts: readonly NeededMount[]
  readonly warnings: readonly string[]
}

/** Throws a `Refusal` where the path lies on no volume that a sidecar can share and write. */
export function mountsOf(pod: Pod, declared: DeclaredPath, allowHostPath: boolean): PathMounts {
  const container = containerOf(pod, declared)
  const outer = nearestMount(container, declared.path)
  if (outer === undefined) throw noVolume(container, declared.path)
  const volume = volumeOf(pod, outer)
  const kind = noStateKind(volume)
  if (kind !== undefined)
    throw new Refusal(
      `path "${declared.path}" lies on volume "${volume.name}", of kind ${kind}: what Kubernetes writes is no state of the app; declare a path on an emptyDir or a PersistentVolumeClaim`,
    )
  requireHostPathLeave(volume, declared.path, allowHostPath)
  if (isReadOnlyVolume(volume) || !isWrittenBy(stateContainers(pod), outer))
    throw new Refusal(
      `path "${declared.path}" is read-only in every container that mounts volume "${volume.name}": nothing can be restored there; mount it without readOnly, or take the path off the declaration`,
    )
  const inner = innerMounts(pod, container, declared.path, allowHostPath)
  return {
    declared,
    container,
    mounts: [{ mount: outer, volume }, ...inner.mounts],
    warnings: inner.warnings,
  }
}

/** The containers that run beside the sidecar: the app's, and native sidecars of others. */
export function stateContainers(pod: Pod): Container[] {
  return [...appContainers(pod), ...initContainers(pod).filter(isNativeSidecar)]
}

/** Mounted somewhere so that it can be written, at the same place of the same volume. */
export function isWrittenBy(containers: readonly Container[], mount: VolumeMount): boolean {
  return containers.some((container) =>
    (container.volumeMounts ?? []).some((one) => isSamePlace(one, mount) && one.readOnly !== true),
  )
}

export function isSamePlace(a: VolumeMount, b: VolumeMount): boolean {
  return (
    a.name === b.name &&
    (a.subPath ?? '') === (b.subPath ?? '') &&
    (a.subPathExpr ?? '') === (b.subPathExpr ?? '')
  )
}

/** A mount's path without a slash at the end, as paths are declared. */
export function mountPathOf(mount: VolumeMount): string {
  return mount.mountPath.length > 1 ? mount.mountPath.replace(/\/+$/, '') : mount.mountPath
}

function containerOf(pod: Pod, declared: DeclaredPath): Container {
  const all = stateContainers(pod)
  const { path, container: name } = declared
  if (name !== undefined) {
    const named = all.find((container) => container.name === name)
    if (named !== undefined) return named
    const names = all.map((container) => container.name)
    throw new Refusal(
      `path "${path}" names the container "${name}", which the pod has not; it has ${names.join(', ')}: did you mean "${closest(name, names)}"?`,
    )
  }
  const mounting = all.filter((container) => nearestMount(container, path) !== undefined)
  const [first] = mounting
  if (first === undefined) throw noVolume(all[0] as Container, path)
  const places = new Set(mounting.map((container) => placeOf(container, path)))
  if (places.size > 1)
    throw new Refusal(
      `path "${path}" is another volume in each of the containers ${mounting.map((c) => c.name).join(', ')}; say which one: {path: ${path}, container: ${first.name}}`,
    )
  return mounting.find((c) => nearestMount(c, path)?.readOnly !== true) ?? first
}

/** Where on which volume a path lies. */
function placeOf(container: Container, path: string): string {
  const mount = nearestMount(container, path) as VolumeMount
  const below = path.slice(mountPathOf(mount).length)
  return JSON.stringify([mount.name, `${mount.subPath ?? ''}${below}`, mount.subPathExpr ?? ''])
}

function nearestMount(container: Container, path: string): VolumeMount | undefined {
  const above = (container.volumeMounts ?? []).filter((m) => isAtOrBelow(path, mountPathOf(m)))
  return above.toSorted((a, b) => b.mountPath.length - a.mountPath.length)[0]
}

function innerMounts(pod: Pod, container: Container, path: string, allowHostPath: boolean) {
  const mounts: NeededMount[] = []
  const warnings: string[] = []
  for (const mount of container.volumeMounts ?? []) {
    const at = mountPathOf(mount)
    if (at === path || !isAtOrBelow(at, path)) continue
    const volume = volumeOf(pod, mount)
    const kind = noStateKind(volume)
    if (kind === undefined) requireHostPathLeave(volume, at, allowHostPath)
    if (kind !== undefined)
      warnings.push(`${at} is a volume of kind ${kind} and no part of the state`)
    else if (isReadOnlyVolume(volume) || !isWrittenBy(stateContainers(pod), mount))
      warnings.push(`${at} is read-only in every container and no part of the state`)
    else mounts.push({ mount, volume })
  }
  return { mounts, warnings }
}

function volumeOf(pod: Pod, mount: VolumeMount): Volume {
  const volume = (pod.spec.volumes ?? []).find((one) => one.name === mount.name)
  if (volume !== undefined) return volume
  throw new Refusal(
    `"${mount.mountPath}" mounts the volume "${mount.name}", which the pod has not; add it to spec.volumes`,
  )
}

function requireHostPathLeave(volume: Volume, path: string, allowHostPath: boolean): void {
  if (!isHostPath(volume) || allowHostPath) return
  throw new Refusal(
    `"${path}" lies on volume "${volume.name}", a hostPath: a restore would delete and write files of the node; an administrator may allow it by the Namespace's annotation holdfast.dev/policy: "allow: {hostPath: true}"`,
    403,
  )
}

function noVolume(container: Container, path: string): Refusal {
  const device = (container.volumeDevices ?? []).find((one) => isAtOrBelow(path, one.devicePath))
  if (device !== undefined)
    return new Refusal(
      `path "${path}" is the block volume "${device.name}": Holdfast keeps files; use a volume with volumeMode Filesystem`,
    )
  const below = (container.volumeMounts ?? []).map(mountPathOf).filter((m) => isAtOrBelow(m, path))
  const advice =
    below.length === 0 ? 'mount a volume there' : `declare ${below.join(' and ')} instead`
  return new Refusal(
    `path "${path}" lies on no volume of container "${container.name}", so it is lost with the container; ${advice}`,
  )
}

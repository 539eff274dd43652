/** Will it fit? Asked before anything is changed, the log included. */
import { statfsSync } from 'node:fs'
import path from 'node:path'
import { HoldfastError } from '../../shared/errors.ts'
import type { Layout, VolumeRoot } from '../volume/layout.ts'
import { isWithin, locationOf } from '../volume/layout.ts'
import type { EntryTable } from '../../shared/repository/entry-table.ts'
import type { RestorePlan } from './restore-plan.ts'

/** The volume has no room for the version: nothing was changed. */
export class NoSpaceError extends HoldfastError {}

/** Bytes that one more file or directory takes beyond its content: rounded up, as file systems do. */
const BLOCK_BYTES = 4096

/** Throws `NoSpaceError` with what is needed and what there is. */
export function requireSpace(layout: Layout, plan: RestorePlan): void {
  const places =
    layout.volumes.length > 0
      ? layout.volumes
      : layout.roots.map(({ at }) => ({ at, sizeLimitBytes: null, memory: false }))
  for (const place of places) {
    requireFree(layout, place, places, plan)
    if (place.sizeLimitBytes !== null) requireLimit(layout, place, places, plan.target)
  }
}

function nearest<P extends { at: string }>(
  layout: Layout,
  places: readonly P[],
  name: string,
): P | undefined {
  if (places.length === 1) return places[0]
  const location = locationOf(layout, name)
  return places
    .filter(({ at }) => isWithin(location, at))
    .toSorted((a, b) => b.at.length - a.at.length)[0]
}

/** Each file is written beside the one that it replaces, so the largest must fit besides. */
function requireFree(
  layout: Layout,
  place: VolumeRoot,
  places: readonly VolumeRoot[],
  plan: RestorePlan,
): void {
  const { target } = plan
  const isAll = places.length === 1
  let made = 0
  let bytes = 0
  let largest = 0
  for (const rows of [plan.files, plan.directories, plan.symlinks])
    for (const row of rows) {
      if (!isAll && nearest(layout, places, target.nameAt(row)) !== place) continue
      made += 1
      const sizeBytes = target.sizeBytesAt(row)
      bytes += sizeBytes
      largest = Math.max(largest, sizeBytes)
    }
  const need = Math.max(0, bytes - plan.freedBytes) + largest + made * BLOCK_BYTES
  const stat = statfsSync(existing(place.at))
  const free = stat.bavail * stat.bsize
  if (made > 0 && need > free)
    throw new NoSpaceError(
      `${place.at} has ${mib(free)} free, the version needs ${mib(need)} more: make room, or restore an older version`,
    )
  // Some file systems (btrfs) count no inodes and say 0.
  if (stat.files > 0 && made - plan.extras.length > stat.ffree)
    throw new NoSpaceError(`${place.at} has ${stat.ffree} inodes free, the version needs ${made}`)
}

/** `emptyDir.sizeLimit`: the kubelet evicts the pod that passes it, again and again. */
function requireLimit(
  layout: Layout,
  place: VolumeRoot,
  places: readonly VolumeRoot[],
  target: EntryTable,
): void {
  let bytes = 0
  for (const row of target.rows()) {
    const isOwn = target.typeAt(row) === 'file' && target.hardLinkOfAt(row) === undefined
    if (isOwn && nearest(layout, places, target.nameAt(row)) === place)
      bytes += target.sizeBytesAt(row)
  }
  if (bytes > (place.sizeLimitBytes ?? Infinity))
    throw new NoSpaceError(
      `the volume at ${place.at} is limited to ${mib(place.sizeLimitBytes ?? 0)}, the version holds ${mib(bytes)}: raise its sizeLimit`,
    )
}

function existing(dir: string): string {
  for (let at = dir; ; at = path.dirname(at)) {
    try {
      statfsSync(at)
      return at
    } catch {
      if (at === path.dirname(at)) return at // the root always is
    }
  }
}

function mib(bytes: number): string {
  return `${(bytes / 1024 ** 2).toFixed(1)} MiB`
}

/** From the frames that versions need to the objects that hold them, by way of what compaction has moved. Pure. */
import { CorruptObjectError } from '../errors.ts'
import type { VersionRecord } from '../repository/log-record.ts'
import type { Moved } from '../repository/moved-pack.ts'
import { MAX_MOVES } from '../repository/moved-pack.ts'
import type { FrameSet } from './live-frames.ts'
import { addFrame } from './live-frames.ts'

export interface UsedObjects {
  /** Versions whose own objects hold frames. */
  readonly versions: Set<number>
  /** `packs/<name>` and `moved/<name>`. */
  readonly objects: Set<string>
  /** Frames where they lie now, by pack. */
  readonly packs: FrameSet
}

/** Throws `CorruptObjectError` when a move has lost a frame that is needed. */
export function usedObjects(frames: FrameSet, moves: ReadonlyMap<string, Moved>): UsedObjects {
  const used: UsedObjects = { versions: new Set(), objects: new Set(), packs: new Map() }
  for (const [pack, offsets] of frames)
    if (pack.startsWith('v')) used.versions.add(Number(pack.slice(1)))
    else followFrames(used, moves, pack, offsets)
  return used
}

function followFrames(
  used: UsedObjects,
  moves: ReadonlyMap<string, Moved>,
  named: string,
  offsets: ReadonlyMap<number, number>,
): void {
  let pack = named
  let places = [...offsets]
  for (let count = 0, moved = moves.get(pack); moved !== undefined; moved = moves.get(pack)) {
    const key = `moved/${pack}`
    const to = moved.offsets
    if ((count += 1) > MAX_MOVES)
      throw new CorruptObjectError(
        key,
        `frames of ${named} were moved more than ${MAX_MOVES} times`,
      )
    used.objects.add(key)
    places = places.map(([offset, storedBytes]) => {
      const there = to.get(offset)
      if (there !== undefined) return [there, storedBytes]
      throw new CorruptObjectError(
        key,
        `a version needs the frame at byte ${offset}, and it does not say where that lies`,
      )
    })
    pack = moved.to
  }
  used.objects.add(`packs/${pack}`)
  for (const [offset, storedBytes] of places) addFrame(used.packs, { pack, offset, storedBytes })
}

/** Versions and all that they are told against, down to the full manifests. Throws `CorruptObjectError` when one is not there. */
export function withBases(
  versions: ReadonlyMap<number, VersionRecord>,
  wanted: Iterable<number>,
): Set<number> {
  const all = new Set<number>()
  for (const n of wanted)
    for (let next = n; next !== 0 && !all.has(next);) {
      const record = versions.get(next)
      if (record === undefined)
        throw new CorruptObjectError(
          `v${n}`,
          `it needs v${next}, which is not there; verify says more`,
        )
      all.add(next)
      next = record.manifest.base
    }
  return all
}

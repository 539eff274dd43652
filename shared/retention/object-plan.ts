/** Which packs and moves are removed now, which ones a day later, and which packs are compacted. Pure. */
import type { Moved } from '../repository/moved-pack.ts'
import type { LoggedPrune } from '../repository/prune-record.ts'
import type { PruneDecision } from './prune-decision.ts'
import type { UsedObjects } from './used-objects.ts'

/** A pack with less than this share of needed bytes is compacted. */
const LIVE_SHARE = 0.5
/** Smaller packs are not: that bounds how often a frame is moved, since a pack at least halves each time. */
export const MIN_COMPACTED_BYTES = 128 * 1024

export interface ListedPart {
  readonly sizeBytes: number
  readonly modifiedAt: Date
}

export interface ObjectPlan {
  /** `packs/<name>` or `moved/<name>`, to be removed now. */
  readonly gone: readonly string[]
  readonly planned: readonly string[]
  /** Names of packs whose needed frames are copied to new packs. */
  readonly compacted: readonly string[]
  /** Names of packs whose frames have been moved, and that are still there. */
  readonly moved: readonly string[]
}

export interface ObjectFacts {
  /** All that is there, by `packs/<name>` and `moved/<name>`. */
  readonly listed: ReadonlyMap<string, ListedPart>
  readonly moves: ReadonlyMap<string, Moved>
  /** What the versions that are kept need, and what they and the planned ones need. */
  readonly used: { readonly kept: UsedObjects; readonly any: UsedObjects }
  readonly now: Date
}

export function planObjects(
  { listed, moves, used, now }: ObjectFacts,
  decision: Pick<PruneDecision, 'isDue' | 'waitsUntil'>,
  previous: LoggedPrune | undefined,
  dayMs: number,
): ObjectPlan {
  const isOld = (key: string) =>
    now.getTime() - (listed.get(key)?.modifiedAt.getTime() ?? Infinity) >= dayMs
  const isUnused = (key: string) => listed.has(key) && !used.any.objects.has(key)
  const named = previous?.record
  const gone = new Set(named?.gone.objects.filter(isUnused))
  if (decision.isDue) for (const key of named?.planned.objects.filter(isUnused) ?? []) gone.add(key)
  const isMoved = (key: string) => key.startsWith('packs/') && moves.has(nameOf(key))
  const free = [...listed.keys()].filter(
    (key) => isOld(key) && !gone.has(key) && !isMoved(key) && !used.kept.objects.has(key),
  )
  const planned =
    decision.waitsUntil === undefined
      ? free
      : (named?.planned.objects.filter((key) => listed.has(key)) ?? [])
  const packs = [...listed.keys()].filter((key) => key.startsWith('packs/') && !gone.has(key))
  return {
    gone: [...gone],
    planned,
    compacted: packs
      .filter((key) => isOld(key) && !isMoved(key) && isSparse(nameOf(key)))
      .map(nameOf),
    moved: packs.filter(isMoved).map(nameOf),
  }

  function isSparse(name: string): boolean {
    const sizeBytes = listed.get(`packs/${name}`)?.sizeBytes ?? 0
    const frames = used.any.packs.get(name)?.values() ?? []
    const liveBytes = [...frames].reduce((sum, bytes) => sum + bytes, 0)
    return sizeBytes >= MIN_COMPACTED_BYTES && liveBytes > 0 && liveBytes < sizeBytes * LIVE_SHARE
  }
}

function nameOf(key: string): string {
  return key.slice(key.indexOf('/') + 1)
}

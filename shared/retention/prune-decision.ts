/**
 * What a run of prune decides about versions: those that the plan of a day ago names, and that nothing protects by
 * now, are gone for good; what no rule keeps is planned. Pure.
 */
import type { LoggedPrune } from '../repository/prune-record.ts'
import { pruneFate } from '../repository/prune-record.ts'
import type { RetentionFacts } from './kept-versions.ts'
import { keptVersions } from './kept-versions.ts'

/** So many versions may always go without anybody's word. */
const HANDFUL = 5

export interface PruneDecision {
  /** Of the versions that are there: why each that is kept is kept. */
  readonly kept: ReadonlyMap<number, string>
  /** Named by the plan: they resolve no more, and go a day later unless something protects them by then. */
  readonly planned: ReadonlySet<number>
  /** Given up for good. */
  readonly gone: ReadonlySet<number>
  /** When the plan that stands may be carried out; undefined where none stands that has to wait. */
  readonly waitsUntil: Date | undefined
  /** The plan of a day ago is carried out. */
  readonly isDue: boolean
  /** What would be planned is more than half of all that resolves: how many, and of how many. Nothing is planned then. */
  readonly stopped: { readonly versions: number; readonly of: number } | undefined
}

/**
 * @param confirmed as many versions as somebody has agreed to lose; undefined: nobody was asked.
 * @param dayMs how long a plan stands before it is carried out.
 */
export function decidePrune(
  facts: Omit<RetentionFacts, 'gone'>,
  previous: LoggedPrune | undefined,
  confirmed: number | undefined,
  dayMs: number,
): PruneDecision {
  const versions = facts.records.flatMap(({ record }) =>
    record.kind === 'version' ? record.n : [],
  )
  const named = Map.groupBy(versions, (n) => pruneFate(previous, n)?.fate ?? 'free')
  const wasGone = new Set(named.get('gone'))
  const wasPlanned = new Set(named.get('planned'))
  const kept = keptVersions({ ...facts, gone: wasGone })
  const dueAt = dueTime(previous, dayMs)
  const isDue = dueAt !== undefined && dueAt <= facts.now
  const common = { kept, isDue, waitsUntil: isDue ? undefined : dueAt, stopped: undefined }
  if (dueAt !== undefined && !isDue) return { ...common, gone: wasGone, planned: wasPlanned }
  const gone = new Set(wasGone)
  if (isDue) for (const n of wasPlanned) if (!kept.has(n)) gone.add(n)
  const planned = new Set(versions.filter((n) => !kept.has(n) && !gone.has(n)))
  const resolving = versions.length - wasGone.size - wasPlanned.size
  if (!isMass(planned.size, resolving) || isConfirmed(planned.size, confirmed))
    return { ...common, gone, planned }
  return {
    ...common,
    gone,
    planned: new Set(),
    stopped: { versions: planned.size, of: resolving },
  }
}

/** When the plan that stands may be carried out; undefined: none stands. */
function dueTime(previous: LoggedPrune | undefined, dayMs: number): Date | undefined {
  if (previous === undefined) return undefined
  const { versions, objects } = previous.record.planned
  if (versions.length + objects.length === 0) return undefined
  return new Date(previous.at.getTime() + dayMs)
}

function isMass(planned: number, resolving: number): boolean {
  return planned > HANDFUL && planned > resolving / 2
}

/** A version more or less grows old while somebody reads the number: a tenth, or ten, are let pass. */
function isConfirmed(planned: number, confirmed: number | undefined): boolean {
  return confirmed !== undefined && Math.abs(planned - confirmed) <= Math.max(10, confirmed / 10)
}

/** Where each lineage of the main line stands: what it began with counts for as long as it has nothing of its own. */
import type { LogRecord, RestoreRecord, VersionRecord } from '../repository/log-record.ts'

export interface LineageHead {
  readonly lineage: string
  /** 0: nothing. */
  readonly head: number
  /** The newest complete version that it has, or that it goes on from; 0: none. */
  readonly newestComplete: number
  /** What it began with, and what that began with, until there is a complete version: the way to `newestComplete`. */
  readonly begunWith: readonly number[]
}

/** `L0/<writer>`: what a superseded writer shipped beside lineage `L0`. */
export function isBranchLineage(lineage: string): boolean {
  return lineage.includes('/')
}

/** @param records of the whole log. @param versions those that still count, ascending. */
export function lineageHeads(
  records: readonly LogRecord[],
  versions: readonly VersionRecord[],
): LineageHead[] {
  const restores = new Map<string, RestoreRecord>()
  for (const record of records) if (record.kind === 'restore') restores.set(record.lineage, record)
  const byNumber = new Map(versions.map((version) => [version.n, version]))
  const byLineage = Map.groupBy(versions, ({ lineage }) => lineage)

  const wayToComplete = (lineage: string, below: number): number[] => {
    const own = byLineage.get(lineage)?.findLast(({ n, complete }) => complete && n < below)
    if (own !== undefined) return [own.n]
    const resolved = restores.get(lineage)?.resolved ?? 0
    const begunWith = resolved < below ? byNumber.get(resolved) : undefined
    if (begunWith === undefined) return [0]
    if (begunWith.complete) return [begunWith.n]
    return [begunWith.n, ...wayToComplete(begunWith.lineage, begunWith.n)]
  }
  const main = [...byLineage.keys(), ...restores.keys()].filter((name) => !isBranchLineage(name))
  return [...new Set(main)].map((lineage) => {
    const way = wayToComplete(lineage, Infinity)
    return {
      lineage,
      head: byLineage.get(lineage)?.at(-1)?.n ?? restores.get(lineage)?.resolved ?? 0,
      newestComplete: way.at(-1) ?? 0,
      begunWith: way.slice(0, -1),
    }
  })
}

/**
 * Which versions retention keeps, and why. Pure; times are the server's. Each lineage is thinned alone:
 *
 *   always           the head and the newest complete version of each lineage, what a restore left, the held, the tagged
 *   the longest span the end of each branch, and safety versions
 *   `all`            every version of this time
 *   hourly, …        of each hour (day, week) that is not longer ago: the newest complete version, else the newest
 */
import type { Keep, LogRecord, VersionRecord } from '../repository/log-record.ts'
import { dayOf, hourOf, longestSpanMs, weekOf } from './keep-policy.ts'
import { isBranchLineage, lineageHeads } from './lineage-heads.ts'

/** A record with the server's time. */
export interface DatedRecord<R extends LogRecord = LogRecord> {
  readonly record: R
  readonly modifiedAt: Date
}
export type DatedVersion = DatedRecord<VersionRecord>

export interface RetentionFacts {
  /** Every record of the log, ascending. */
  readonly records: readonly DatedRecord[]
  /** Versions that have been given up for good: they are nobody's representative. */
  readonly gone: ReadonlySet<number>
  readonly held: ReadonlySet<number>
  /** Tags by the version that they name. */
  readonly tags: ReadonlyMap<number, string>
  readonly keep: Keep
  /** The server's. */
  readonly now: Date
}

/** The versions that are kept, each with the first reason that holds. */
export function keptVersions(facts: RetentionFacts): Map<number, string> {
  const versions = facts.records.filter(
    (dated): dated is DatedVersion =>
      dated.record.kind === 'version' && !facts.gone.has(dated.record.n),
  )
  const kept = new Map<number, string>()
  const known = new Set(versions.map(({ record }) => record.n))
  const keep = (n: number, why: string) => {
    if (known.has(n) && !kept.has(n)) kept.set(n, why)
  }
  const lineages = Map.groupBy(versions, ({ record }) => record.lineage)
  keepAsked(facts, versions, keep)
  keepHeads(facts, versions, keep)
  for (const lineage of lineages.values()) thin(facts, lineage, keep)
  return kept
}

type KeepOne = (n: number, why: string) => void

function keepAsked(
  { held, tags }: RetentionFacts,
  versions: readonly DatedVersion[],
  keep: KeepOne,
): void {
  for (const n of held) keep(n, 'held')
  for (const [n, tag] of tags) keep(n, `tagged ${tag}`)
  // The tag is written after its version, by a later agent if need be.
  for (const { record } of versions) if (record.tag !== null) keep(record.n, `tagged ${record.tag}`)
}

function keepHeads(
  { records }: RetentionFacts,
  versions: readonly DatedVersion[],
  keep: KeepOne,
): void {
  keep(records.at(-1)?.record.log.head?.version ?? 0, 'latest')
  const all = records.map(({ record }) => record)
  for (const { lineage, head, newestComplete, begunWith } of lineageHeads(
    all,
    versions.map(({ record }) => record),
  )) {
    keep(head, `head of ${lineage}`)
    keep(newestComplete, `newest complete of ${lineage}`)
    // Partial itself, but without it nothing would tell that the complete one is what this lineage goes back to.
    for (const n of begunWith) keep(n, `what ${lineage} began with`)
  }
  for (const record of all)
    if (record.kind === 'open' || record.kind === 'restore')
      keep(record.left?.head?.version ?? 0, `way back of v${record.n}`)
}

/** One lineage's versions, ascending. */
function thin(
  { keep: policy, now }: RetentionFacts,
  lineage: readonly DatedVersion[],
  keep: KeepOne,
): void {
  const ageMs = ({ modifiedAt }: DatedVersion) => now.getTime() - modifiedAt.getTime()
  const spanMs = longestSpanMs(policy)
  const isBranch = isBranchLineage(lineage[0]?.record.lineage ?? '')
  const ends = [lineage.at(-1), lineage.findLast(({ record }) => record.complete)]
  if (isBranch)
    for (const end of ends)
      if (end !== undefined && ageMs(end) < spanMs) keep(end.record.n, 'end of its branch')
  for (const version of lineage) {
    if (version.record.reason === 'safety' && ageMs(version) < spanMs)
      keep(version.record.n, 'saved before a restore')
    if (ageMs(version) < policy.allMs) keep(version.record.n, 'all')
  }
  keepNewestOfEach(lineage, hourOf, hourOf(now) - policy.hourly, keep, 'hourly')
  keepNewestOfEach(lineage, dayOf, dayOf(now) - policy.daily, keep, 'daily')
  keepNewestOfEach(lineage, weekOf, weekOf(now) - policy.weekly, keep, 'weekly')
}

/**
 * Of each span after the span `after`. The newest of a day is the newest of its hour, and that of a week the newest
 * of its day: what a longer rule keeps has never been removed by a shorter one.
 */
function keepNewestOfEach(
  lineage: readonly DatedVersion[],
  spanOf: (time: Date) => number,
  after: number,
  keep: KeepOne,
  why: string,
): void {
  const chosen = new Map<number, VersionRecord>()
  for (const { record, modifiedAt } of lineage) {
    const span = spanOf(modifiedAt)
    if (span <= after) continue
    if (record.complete || chosen.get(span)?.complete !== true) chosen.set(span, record)
  }
  for (const { n } of chosen.values()) keep(n, why)
}

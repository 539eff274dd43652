/** What a log says, worked out from all of its records anew: the oracle's own reading of the rules, by definition and not step by step. */
import { isDeepStrictEqual } from 'node:util'
import type { LogRecord, LogState } from '../../shared/repository/log-record.ts'

type OwnerRecord = LogRecord & { kind: 'open' | 'restore' }

/** The record in which a lineage's newest state lies; `version` is the number whose files it has. */
export interface TrueHead {
  readonly n: number
  readonly version: number
  readonly writer: string
  readonly open: number
  readonly restore: boolean
}

export interface Truth {
  readonly owner: OwnerRecord | undefined
  readonly closed: boolean
  readonly lineage: string
  readonly head: TrueHead | undefined
  readonly settled: boolean
  readonly lastSwitch: number
}

/** @param records all of the log, oldest first, as far as it counts. */
export function truthOf(records: readonly LogRecord[]): Truth {
  const main = records.filter((record) => !record.branch)
  const owners = main.filter((record) => record.kind === 'open' || record.kind === 'restore')
  const owner = owners.at(-1)
  const lineage = owner?.lineage ?? 'L0'
  const switches = owners.filter(
    (record, i) => record.kind === 'restore' || record.lineage !== (owners[i - 1]?.lineage ?? 'L0'),
  )
  return {
    owner,
    closed: main.some(
      (record) =>
        record.kind === 'closed' && record.n > (owner?.n ?? 0) && record.writer === owner?.writer,
    ),
    lineage,
    head: headOf(main, lineage),
    settled: isSettled(main, lineage),
    lastSwitch: switches.at(-1)?.n ?? 0,
  }
}

export function headOf(main: readonly LogRecord[], lineage: string): TrueHead | undefined {
  const newest = main
    .filter((record) => record.lineage === lineage && !record.branch)
    .findLast((record) => record.kind === 'version' || record.kind === 'restore')
  if (newest === undefined) return undefined
  const { n, writer, open } = newest
  const restore = newest.kind === 'restore'
  return { n, writer, open, restore, version: newest.kind === 'restore' ? newest.resolved : n }
}

/** Its restore is done, or it never began with one. */
export function isSettled(main: readonly LogRecord[], lineage: string): boolean {
  const restore = main.find((record) => record.kind === 'restore' && record.lineage === lineage)
  if (restore === undefined) return true
  return main.some(
    (record) =>
      !record.branch &&
      record.lineage === lineage &&
      record.n > restore.n &&
      (record.kind === 'done' || record.kind === 'version'),
  )
}

/** The lineage that a start without a request has to take up: where a restore is not done, the one that it left. */
export function lineageToResume(records: readonly LogRecord[]): string {
  let { lineage } = truthOf(records)
  while (!isSettled(records, lineage)) {
    const restore = records.find(
      (record) => record.kind === 'restore' && record.lineage === lineage,
    )
    if (restore?.kind !== 'restore') break
    lineage = restore.left.lineage
  }
  return lineage
}

/**
 * The lineage in which a request is answered: the one that it began, or the one for which that was left because a volume
 * was found empty and the declaration wants it fresh then. Undefined for a new request.
 */
export function lineageOfRequest(
  records: readonly LogRecord[],
  request: string | null,
): string | undefined {
  let lineage: string | undefined
  for (const record of records) {
    if (record.kind !== 'restore') continue
    const goesOn = record.request.startsWith('whenEmpty:') && record.left.lineage === lineage
    if (record.request === request || (goesOn && isSettled(records, record.lineage)))
      lineage = record.lineage
  }
  return lineage
}

/** In what the log state that `record` carries differs from the truth after it; undefined when in nothing. */
export function stateFault(record: LogRecord, truth: Truth): string | undefined {
  const { owner, head } = truth
  const expected: LogState = {
    owner: owner === undefined ? null : { ...ownerOf(owner), closed: truth.closed },
    head: head ?? null,
    settled: truth.settled,
    lastSwitch: truth.lastSwitch,
  }
  if (isDeepStrictEqual(record.log, expected)) return undefined
  return `v${record.n} carries ${JSON.stringify(record.log)}, the log says ${JSON.stringify(expected)}`
}

function ownerOf({ n, writer, pod, lineage, request, graceSeconds }: OwnerRecord) {
  return { n, writer, pod, lineage, request, graceSeconds }
}

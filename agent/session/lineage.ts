/** Questions about the log that its newest record alone does not answer: they follow a chain of records, a GET per link. */
import type { Head, LogRecord, RestoreRecord } from '../../shared/repository/log-record.ts'
import { currentLineage, restoreOfLineage } from '../../shared/repository/log-state.ts'
import type { VersionLog } from '../../shared/repository/version-log.ts'
import { switches } from '../../shared/repository/find-restore.ts'
import { requireRecord } from '../../shared/repository/version-log.ts'
import { asksForLatest } from '../../shared/pin.ts'
import type { Mark } from '../volume/mark.ts'
import type { LogView } from './log-writer.ts'

/** A lineage's newest version or restore, and whether its restore is done. */
export interface LineageState {
  readonly lineage: string
  readonly head: Head | null
  readonly settled: boolean
}

/** How a lineage stands now, also one that was left for another; undefined for one that the log does not know. */
export async function lineageState(
  log: VersionLog,
  view: LogView,
  lineage: string,
): Promise<LineageState | undefined> {
  if (currentLineage(view.state) === lineage)
    return { lineage, head: view.state.head, settled: view.state.settled }
  for await (const { left } of switches(log, view.state.lastSwitch))
    if (left?.lineage === lineage) return left
  return undefined
}

/**
 * The lineage in which this request was, or is being, fulfilled; undefined for a request that is new. Where that was left
 * because a volume was found empty and the declaration wants it fresh then, it is the one that goes on from there.
 */
export async function findRequest(
  log: VersionLog,
  view: LogView,
  request: string,
): Promise<string | undefined> {
  const { owner } = view.state
  if (owner?.request === request) return owner.lineage
  const later: RestoreRecord[] = []
  for await (const record of switches(log, view.state.lastSwitch)) {
    if (record.kind !== 'restore') continue
    if (record.request === request) return goOn(log, view, record.lineage, later)
    if (record.request.startsWith(WHEN_EMPTY)) later.unshift(record)
  }
  return undefined
}

/** How the request of a start on an empty volume begins that the declaration wants fresh; the writer follows. */
export const WHEN_EMPTY = 'whenEmpty:fresh/'

/** @param later what was begun on empty volumes since, oldest first. */
async function goOn(
  log: VersionLog,
  view: LogView,
  lineage: string,
  later: readonly RestoreRecord[],
): Promise<string> {
  let current = lineage
  for (const { left, lineage: next } of later)
    if (left.lineage === current && (await lineageState(log, view, next))?.settled === true)
      current = next
  return current
}

/** The restore that started a lineage; undefined for the first one. */
export async function restoreOf(
  log: VersionLog,
  lineage: string,
): Promise<RestoreRecord | undefined> {
  const n = restoreOfLineage(lineage)
  if (n === undefined) return undefined
  const { record } = await requireRecord(log, n)
  return record.kind === 'restore' ? record : undefined
}

/**
 * Is a volume with this mark the head of that lineage, or newer? It is when the head came from the mark's writer, or
 * from one that it continued; and when there is nothing to compare with: no history, or `latest` of none, or a restore
 * of "nothing", after which a volume gets its mark with the first commit only.
 */
export async function isAhead(
  log: VersionLog,
  { lineage, head, settled }: LineageState,
  mark: Mark | undefined,
): Promise<boolean> {
  if (mark?.dirty === true) return false
  if (head === null) return true
  if (mark === undefined) return head.version === 0 && settled
  if (mark.lineage !== lineage) return isWhatIsThere(log, { lineage, head })
  if (head.restore) return true
  return continues(log, mark, head.writer)
}

/** `latest` was asked for before there was a version: the state is what the volume holds, whatever its mark says. */
async function isWhatIsThere(
  log: VersionLog,
  { lineage, head }: { lineage: string; head: Head },
): Promise<boolean> {
  if (!head.restore || head.version !== 0) return false
  const restore = await restoreOf(log, lineage)
  return restore !== undefined && asksForLatest(restore.request)
}

/** Is `writer` the mark's own, or one whose head it took up, or one whose head that one took up, …? */
export async function continues(log: VersionLog, mark: Mark, writer: string): Promise<boolean> {
  let link: { writer: string; open: number } | null = { writer: mark.writer, open: mark.open }
  while (link !== null && link.writer !== writer) {
    const found: LogRecord | undefined = (await log.record(link.open))?.record
    if (found?.kind !== 'open' || found.writer !== link.writer) return false
    link = found.continues
  }
  return link !== null
}

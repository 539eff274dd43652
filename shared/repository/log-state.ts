/** The main line's state, carried from record to record. Pure: `docs/format.md` tells it in words. */
import type { Head, LogRecord, LogState } from './log-record.ts'
import { FIRST_LINEAGE } from './log-record.ts'

export const EMPTY_LOG: LogState = { owner: null, head: null, settled: true, lastSwitch: 0 }

/** A record before it knows the state after it. */
export type UnstatedRecord = {
  [K in LogRecord['kind']]: Omit<Extract<LogRecord, { kind: K }>, 'log'>
}[LogRecord['kind']]

/** The state after `record`, which is the next in the log after the one that left `state`. */
export function advance(state: LogState, record: UnstatedRecord): LogState {
  if (record.branch) return state
  switch (record.kind) {
    case 'open':
      return {
        owner: ownerOf(record),
        head: record.head,
        settled: record.settled,
        lastSwitch: record.left === null ? state.lastSwitch : record.n,
      }
    case 'restore':
      return {
        owner: ownerOf(record),
        head: headOf(record, true, record.resolved),
        settled: false,
        lastSwitch: record.n,
      }
    case 'done':
      return { ...state, settled: true }
    case 'version':
      return {
        ...state,
        head: headOf(record, false, record.n),
        settled: true,
      }
    case 'closed':
      return state.owner?.writer === record.writer
        ? { ...state, owner: { ...state.owner, closed: true } }
        : state
  }
}

function headOf(record: UnstatedRecord, restore: boolean, version: number): Head {
  return { n: record.n, writer: record.writer, open: record.open, restore, version }
}

function ownerOf(record: Extract<UnstatedRecord, { kind: 'open' | 'restore' }>): LogState['owner'] {
  return {
    n: record.n,
    writer: record.writer,
    pod: record.pod,
    lineage: record.lineage,
    request: record.request,
    graceSeconds: record.graceSeconds,
    closed: false,
  }
}

/** The lineage that is `latest`. */
export function currentLineage(state: LogState): string {
  return state.owner?.lineage ?? FIRST_LINEAGE
}

/** The restore record that started a lineage, by its number; undefined for the first lineage. */
export function restoreOfLineage(lineage: string): number | undefined {
  const n = Number(lineage.split('/')[0]?.slice(1))
  return n > 0 ? n : undefined
}

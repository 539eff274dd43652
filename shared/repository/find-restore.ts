import type { LogRecord, RestoreRecord } from './log-record.ts'
import type { VersionLog } from './version-log.ts'
import { requireRecord } from './version-log.ts'

/** The records that changed the main line's lineage, newest first: restores, and opens that went back to an older one. A GET per link. */
export async function* switches(
  log: VersionLog,
  lastSwitch: number,
): AsyncGenerator<Extract<LogRecord, { kind: 'open' | 'restore' }>> {
  for (let n = lastSwitch; n !== 0;) {
    const { record } = await requireRecord(log, n)
    if (record.kind !== 'open' && record.kind !== 'restore') return
    yield record
    n = record.previousSwitch
  }
}

/** The record of what a request was resolved to; undefined for a request that is new. */
export async function findRestore(
  log: VersionLog,
  lastSwitch: number,
  request: string,
): Promise<RestoreRecord | undefined> {
  for await (const record of switches(log, lastSwitch))
    if (record.kind === 'restore' && record.request === request) return record
  return undefined
}

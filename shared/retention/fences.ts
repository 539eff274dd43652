/**
 * Keys that are never deleted, because their numbers must never be used again: a writer that was paused finds at its
 * next number a record of somebody else, and so learns what it missed.
 */
import type { LogRecord } from '../repository/log-record.ts'

/** @param records every record of the log, ascending. Deleting any other record makes none of these less a fence. */
export function fencesOf(records: readonly LogRecord[]): Set<number> {
  const fences = new Set<number>()
  for (const [i, { n, kind, writer }] of records.entries())
    if (kind !== 'version' || writer !== records[i - 1]?.writer) fences.add(n)
  const newest = records.at(-1)
  if (newest !== undefined) fences.add(newest.n)
  return fences
}

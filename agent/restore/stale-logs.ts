/** Logs and journals of present databases: they would be played into whatever file gets the database's name. */
import type { EntryTable } from '../../shared/repository/entry-table.ts'
import type { ScannedEntry } from '../capture/scanner.ts'

/** A part of what the database holds is not in its file. */
export function hasLog({ beside = [] }: ScannedEntry): boolean {
  return beside.some(({ suffix, sizeBytes }) => suffix !== '-shm' && sizeBytes > 0)
}

/**
 * Databases whose logs are removed first: those that go, and those whose files hold already what they shall, without
 * their logs. A database that is written anew keeps its log until then: should its bytes be lost in the repository, what
 * is there stays whole.
 * @param restated rows of entries that are there, but for their metadata.
 */
export function databasesToClear(
  target: EntryTable,
  others: ReadonlyMap<string, ScannedEntry>,
  restated: readonly number[],
): ScannedEntry[] {
  const isClean = new Set(restated)
  return [...others.values()].filter(({ name, beside = [] }) => {
    const row = target.rowOf(name)
    const wanted = row === undefined ? undefined : target.glanceAt(row)
    const isWritten = wanted?.type === 'file' && wanted.database === true
    return beside.length > 0 && (row === undefined || !isWritten || isClean.has(row))
  })
}

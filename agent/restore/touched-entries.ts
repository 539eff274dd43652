/** The part of a version that a restore touches. */
import { EntryTable } from '../../shared/repository/entry-table.ts'

/** The entries whose names are touched; the table itself where that is all of them. */
export function touchedEntries(all: EntryTable, touches: (name: string) => boolean): EntryTable {
  const rows = [...all.rows()].filter((row) => touches(all.nameAt(row)))
  if (rows.length === all.size) return all
  const touched = new EntryTable()
  for (const row of rows) touched.set(all.at(row))
  giveHeirs(touched)
  return touched
}

/**
 * Hard links whose first name is none of these (excluded by now, or on a volume that stays): the next name takes its
 * part.
 */
function giveHeirs(entries: EntryTable): void {
  const heirs = new Map<string, string>()
  for (const row of entries.rows()) {
    const entry = entries.at(row)
    if (entry.type !== 'file' || entry.hardLinkOf === undefined || entries.has(entry.hardLinkOf))
      continue
    const { hardLinkOf, ...own } = entry
    const heir = heirs.get(hardLinkOf)
    if (heir === undefined) heirs.set(hardLinkOf, entry.name)
    entries.set(heir === undefined ? own : { ...own, hardLinkOf: heir })
  }
}

/**
 * The version that the next commit extends: its entries by name, and its chunks by id for deduplication.
 * Only this version's chunks may be referred to: what older ones hold may be pruned at any time.
 */
import type { Damage } from '../../shared/repository/damage.ts'
import { isDamaged } from '../../shared/repository/damage.ts'
import type { Entry, Fault, StoredChunk } from '../../shared/repository/entry.ts'
import type { EntryTable } from '../../shared/repository/entry-table.ts'
import { tableOf } from '../../shared/repository/entry-table.ts'
import type { VersionRecord } from '../../shared/repository/log-record.ts'
import type { Manifest } from '../../shared/repository/manifest.ts'
import { ChunkIndex } from './chunk-index.ts'
import type { DatabaseMoment } from './sqlite/read-database.ts'

/** An index of all chunks takes longer than to look for so many: who ships one changed file has no use for it. */
const FIRST_SEARCHES = 4

type Counts = VersionRecord['counts']

/** Brings a chunk's plain bytes, good until the next call. Rejects with `CorruptObjectError` when they are damaged or gone. */
export type FetchForeign = (chunk: StoredChunk) => Buffer | Promise<Buffer>

export class HeldVersion {
  #entries: EntryTable
  /** What the version does not hold as it was. */
  faults: readonly Fault[]
  /** A picture of the whole volume was taken against it: from then on hints tell what may differ. */
  isSeen = false
  /** All that it says of extended attributes was read by this agent, so that only what changes has to be looked at. */
  attributesSeen = false
  /**
   * Set until the next commit: its bytes are in clear, or sealed with another key than what is written now, and nothing
   * new may refer to them.
   */
  foreign: FetchForeign | undefined
  /** Places whose bytes are lost: nothing new may refer to them. */
  damage: Damage = new Map()
  /** Of databases by name: the moment at which their content here was read. Nothing, after a restart. */
  readonly moments = new Map<string, DatabaseMoment>()
  #counts: Counts = { files: 0, directories: 0, symlinks: 0, bytes: 0 }
  /** Made when it is asked often enough. */
  #chunks: ChunkIndex | undefined
  /** How many chunks were looked for without it. */
  #searches = 0
  /** Names of hard links, with the names that they are links to. */
  readonly #links = new Map<string, string>()
  /** How many links each of those has. */
  readonly #linked = new Map<string, number>()
  /** Names of entries with extended attributes. */
  readonly #attributed = new Set<string>()

  constructor(manifest: Manifest) {
    this.#entries = tableOf(manifest.entries)
    this.faults = manifest.faults
    for (const row of this.#entries.rows()) this.#add(row)
  }

  get entries(): EntryTable {
    return this.#entries
  }

  get counts(): Counts {
    return this.#counts
  }

  /** It holds more than its declared paths themselves, when these are directories. */
  get hasContent(): boolean {
    const roots = [...this.#entries.namesIn('')]
    const empty = roots.filter((name) => this.#entries.glance(name)?.type === 'directory')
    return this.#entries.size > empty.length
  }

  /** Hard links by name, each with the name that it is a link to. */
  get links(): ReadonlyMap<string, string> {
    return this.#links
  }

  /** Is this what hard links are links to? */
  isLinked(name: string): boolean {
    return this.#linked.has(name)
  }

  get attributed(): ReadonlySet<string> {
    return this.#attributed
  }

  /** @param id as bytes. */
  chunk(id: Buffer): StoredChunk | undefined {
    if (this.foreign !== undefined) return undefined
    if (this.#chunks === undefined && this.#searches < FIRST_SEARCHES) return this.#search(id)
    this.#chunks ??= indexOf(this.#entries)
    return this.#chunks.find(id, this.damage)
  }

  #search(id: Buffer): StoredChunk | undefined {
    this.#searches += 1
    for (const row of this.#entries.rows()) {
      const chunk = this.#entries.findChunk(row, id)
      if (chunk !== undefined && !isDamaged(this.damage, chunk)) return chunk
    }
    return undefined
  }

  /** The same entry with what lstat says of it now; nothing that a version holds. */
  refresh(entry: Entry): void {
    this.#set(entry)
  }

  /** What the version will hold that these changes make. */
  countsAfter(changed: EntryTable, gone: ReadonlySet<string>): Counts {
    const after = { ...this.#counts }
    for (const row of changed.rows()) {
      const before = this.#entries.size > 0 ? this.#entries.rowOf(changed.nameAt(row)) : undefined
      if (before !== undefined) count(after, this.#entries, before, -1)
      count(after, changed, row, 1)
    }
    for (const name of gone) {
      const before = this.#entries.rowOf(name)
      if (before !== undefined) count(after, this.#entries, before, -1)
    }
    return after
  }

  /** Makes it the version that a commit has made of it. A version that was empty takes the changes' table over. */
  advance(changed: EntryTable, gone: ReadonlySet<string>, faults: readonly Fault[]): void {
    this.faults = faults
    this.foreign = undefined
    if (this.#entries.size === 0) {
      this.#entries = changed
      this.#chunks = undefined
      for (const row of changed.rows()) this.#add(row)
      return
    }
    for (const entry of changed.values()) this.#set(entry)
    for (const name of gone) this.#remove(name)
  }

  #set(entry: Entry): void {
    const known = this.#entries.rowOf(entry.name)
    if (known !== undefined) this.#forget(known)
    this.#add(this.#entries.set(entry))
  }

  #remove(name: string): void {
    const row = this.#entries.rowOf(name)
    if (row === undefined) return
    this.#forget(row)
    this.#entries.delete(name)
  }

  #add(row: number): void {
    const entries = this.#entries
    count(this.#counts, entries, row, 1)
    this.#chunks?.add(row)
    if (entries.attributesAt(row) !== undefined) this.#attributed.add(entries.nameAt(row))
    const first = entries.hardLinkOfAt(row)
    if (first === undefined) return
    this.#links.set(entries.nameAt(row), first)
    this.#linked.set(first, (this.#linked.get(first) ?? 0) + 1)
  }

  #forget(row: number): void {
    const name = this.#entries.nameAt(row)
    count(this.#counts, this.#entries, row, -1)
    this.#chunks?.remove(row)
    this.#attributed.delete(name)
    const first = this.#links.get(name)
    if (first === undefined) return
    this.#links.delete(name)
    const uses = (this.#linked.get(first) ?? 1) - 1
    if (uses > 0) this.#linked.set(first, uses)
    else this.#linked.delete(first)
  }
}

function indexOf(table: EntryTable): ChunkIndex {
  const index = new ChunkIndex(table)
  for (const row of table.rows()) index.add(row)
  return index
}

function count(
  counts: { -readonly [K in keyof Counts]: Counts[K] },
  entries: EntryTable,
  row: number,
  by: 1 | -1,
): void {
  const type = entries.typeAt(row)
  if (type === 'directory') counts.directories += by
  else if (type === 'symlink') counts.symlinks += by
  else {
    counts.files += by
    counts.bytes += entries.hardLinkOfAt(row) === undefined ? by * entries.sizeBytesAt(row) : 0
  }
}

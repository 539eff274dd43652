/**
 * The version that the next commit extends: its entries by name, and its chunks by id for deduplication.
 * Only this version's chunks may be referred to: what older ones hold may be pruned at any time.
 */
import type { Entry, Fault, StoredChunk } from '../../shared/repository/entry.ts'
import { isHole } from '../../shared/repository/entry.ts'
import type { VersionRecord } from '../../shared/repository/log-record.ts'
import type { Manifest } from '../../shared/repository/manifest.ts'

type Counts = VersionRecord['counts']

export class HeldVersion {
  readonly #entries: Map<string, Entry>
  /** What the version does not hold as it was. */
  faults: readonly Fault[]
  #counts: Counts = { files: 0, directories: 0, symlinks: 0, bytes: 0 }
  readonly #chunks = new Map<string, { chunk: StoredChunk; uses: number }>()

  constructor(manifest: Manifest) {
    this.#entries = new Map(manifest.entries)
    this.faults = manifest.faults
    for (const entry of this.#entries.values()) this.#use(entry, 1)
    this.#counts = countsAfter(this.#counts, [], [...this.#entries.values()])
  }

  get entries(): ReadonlyMap<string, Entry> {
    return this.#entries
  }

  chunk(id: string): StoredChunk | undefined {
    return this.#chunks.get(id)?.chunk
  }

  /** The same entry with what lstat says of it now; nothing that a version holds. */
  refresh(entry: Entry): void {
    this.#entries.set(entry.name, entry)
  }

  /** What the version will hold that these changes make. */
  countsAfter(changed: readonly Entry[], gone: readonly string[]): Counts {
    const names = [...changed.map((entry) => entry.name), ...gone]
    const before = names.flatMap((name) => this.#entries.get(name) ?? [])
    return countsAfter(this.#counts, before, changed)
  }

  /** Makes it the version that a commit has made of it. */
  advance(changed: readonly Entry[], gone: readonly string[], faults: readonly Fault[]): void {
    this.#counts = this.countsAfter(changed, gone)
    this.faults = faults
    for (const entry of changed) {
      this.#use(entry, 1)
      this.#use(this.#entries.get(entry.name), -1)
      this.#entries.set(entry.name, entry)
    }
    for (const name of gone) {
      this.#use(this.#entries.get(name), -1)
      this.#entries.delete(name)
    }
  }

  #use(entry: Entry | undefined, by: 1 | -1): void {
    if (entry?.type !== 'file') return
    for (const chunk of entry.chunks) {
      if (isHole(chunk)) continue
      const held = this.#chunks.get(chunk.id)
      if (held === undefined) this.#chunks.set(chunk.id, { chunk, uses: by })
      else if (held.uses + by === 0) this.#chunks.delete(chunk.id)
      else held.uses += by
    }
  }
}

function countsAfter(counts: Counts, without: readonly Entry[], plus: readonly Entry[]): Counts {
  const after = { ...counts }
  const count = (entry: Entry, by: 1 | -1) => {
    if (entry.type === 'directory') after.directories += by
    else if (entry.type === 'symlink') after.symlinks += by
    else {
      after.files += by
      after.bytes += entry.hardLinkOf === undefined ? by * entry.sizeBytes : 0
    }
  }
  for (const entry of without) count(entry, -1)
  for (const entry of plus) count(entry, 1)
  return after
}

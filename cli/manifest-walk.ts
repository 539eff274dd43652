/** The manifests of many versions, one after the other, oldest first: what deltas have in common is read and composed once. */
import { CorruptObjectError } from '../shared/errors.ts'
import type { Entry, Fault } from '../shared/repository/entry.ts'
import type { Entries } from '../shared/repository/entries.ts'
import { EntryTable } from '../shared/repository/entry-table.ts'
import type { VersionRecord } from '../shared/repository/log-record.ts'
import type { ManifestLine } from '../shared/repository/manifest-decoder.ts'
import { versionKey } from '../shared/repository/object-keys.ts'
import {
  applyDelta,
  loadManifest,
  readDelta,
  refuseBrokenTree,
} from '../shared/repository/version-object.ts'
import type { StreamInRepository } from './repository.ts'

export interface WalkStep {
  /** Entries that the version's own manifest tells: all, or those that changed since its base. */
  readonly changed: readonly Entry[]
  readonly faults: readonly Fault[]
  /** All entries of the version; not to be changed. */
  readonly entries: Entries
}

interface Composed {
  readonly base: number
  readonly entries: Entries
}

export class ManifestWalk {
  readonly #from: StreamInRepository
  /** The chain of the last version: the next one is told against one of these, or against none. */
  #chain = new Map<number, Composed>()

  constructor(from: StreamInRepository) {
    this.#from = from
  }

  /** Throws `CorruptObjectError` or `NotFoundError`. */
  async step(record: VersionRecord): Promise<WalkStep> {
    const { store, log } = this.#from
    const key = versionKey(log.stream, record.n)
    const { base } = record.manifest
    if (base >= record.n) throw new CorruptObjectError(key, `its base is v${base}`)
    const entries = EntryTable.of((await this.#entriesOf(base)).values())
    const changed: Entry[] = []
    const faults = await applyDelta(entries, noting(changed, readDelta(store, log, record)))
    refuseBrokenTree(key, entries)
    this.#keep(record.n, { base, entries })
    return { changed, faults, entries }
  }

  async #entriesOf(n: number): Promise<Entries> {
    if (n === 0) return new Map<string, Entry>()
    const known = this.#chain.get(n)
    if (known !== undefined) return known.entries
    return (await loadManifest(this.#from.store, this.#from.log, n)).entries
  }

  #keep(n: number, composed: Composed): void {
    const chain = new Map([[n, composed]])
    for (let next = composed.base; next !== 0;) {
      const link = this.#chain.get(next)
      if (link === undefined) break
      chain.set(next, link)
      next = link.base
    }
    this.#chain = chain
  }
}

async function* noting(
  changed: Entry[],
  blocks: AsyncIterable<Iterable<ManifestLine>>,
): AsyncGenerator<Iterable<ManifestLine>> {
  for await (const lines of blocks) yield notingLines(changed, lines)
}

function* notingLines(changed: Entry[], lines: Iterable<ManifestLine>): Generator<ManifestLine> {
  for (const line of lines) {
    if (line.kind === 'entry') changed.push(line.entry)
    yield line
  }
}

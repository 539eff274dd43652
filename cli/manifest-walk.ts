/** The manifests of many versions, one after the other, oldest first: what deltas have in common is read and composed once. */
import { CorruptObjectError } from '../shared/errors.ts'
import type { Entry } from '../shared/repository/entry.ts'
import type { VersionRecord } from '../shared/repository/log-record.ts'
import type { ManifestDelta } from '../shared/repository/manifest.ts'
import { applyDeltaInPlace } from '../shared/repository/manifest.ts'
import { versionKey } from '../shared/repository/object-keys.ts'
import { decodeDelta, loadManifest, refuseBrokenTree } from '../shared/repository/version-object.ts'
import type { StreamInRepository } from './repository.ts'

export interface WalkStep {
  readonly delta: ManifestDelta
  /** All entries of the version; not to be changed. */
  readonly entries: ReadonlyMap<string, Entry>
}

interface Composed {
  readonly base: number
  readonly entries: ReadonlyMap<string, Entry>
}

export class ManifestWalk {
  readonly #from: StreamInRepository
  /** The chain of the last version: the next one is told against one of these, or against none. */
  #chain = new Map<number, Composed>()

  constructor(from: StreamInRepository) {
    this.#from = from
  }

  /** @param object the version's whole object, where it is at hand. Throws `CorruptObjectError` or `NotFoundError`. */
  async step(record: VersionRecord, object?: Buffer): Promise<WalkStep> {
    const { store, log } = this.#from
    const key = versionKey(log.stream, record.n)
    const { frame, base } = record.manifest
    if (base >= record.n) throw new CorruptObjectError(key, `its base is v${base}`)
    const range = { offset: frame.offset, lengthBytes: frame.storedBytes }
    const stored =
      object?.subarray(frame.offset, frame.offset + frame.storedBytes) ??
      (await store.get(key, range))?.body
    if (stored === undefined) throw new CorruptObjectError(key, 'it is not there any more')
    const delta = decodeDelta(key, record, stored)
    const entries = new Map(await this.#entriesOf(base))
    applyDeltaInPlace(entries, delta)
    refuseBrokenTree(key, entries)
    this.#keep(record.n, { base, entries })
    return { delta, entries }
  }

  async #entriesOf(n: number): Promise<ReadonlyMap<string, Entry>> {
    if (n === 0) return new Map()
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

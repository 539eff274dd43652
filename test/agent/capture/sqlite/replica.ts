/** An agent's state and committer over one declared database, with a repository in memory; it can be killed. */
import { AppState } from '../../../../agent/session/app-state.ts'
import { Committer } from '../../../../agent/session/committer.ts'
import { newWriter } from '../../../../agent/session/identity.ts'
import { LogWriter } from '../../../../agent/session/log-writer.ts'
import { HeldVersion } from '../../../../agent/capture/held-version.ts'
import { ChunkSource } from '../../../../agent/restore/chunk-source.ts'
import { ObjectReader } from '../../../../agent/restore/object-reader.ts'
import { inspect } from '../../../../agent/restore/present.ts'
import { planRestore } from '../../../../agent/restore/restore-plan.ts'
import { runRestore } from '../../../../agent/restore/restorer.ts'
import type { Layout } from '../../../../agent/volume/layout.ts'
import { systemClock } from '../../../../shared/clock.ts'
import { PLAIN_VAULT } from '../../../../shared/encryption/vault.ts'
import { DeltaChain } from '../../../../shared/repository/delta-chain.ts'
import type { FileEntry } from '../../../../shared/repository/entry.ts'
import { tableOf } from '../../../../shared/repository/entry-table.ts'
import type { Manifest } from '../../../../shared/repository/manifest.ts'
import { EMPTY_MANIFEST } from '../../../../shared/repository/manifest.ts'
import { VersionLog } from '../../../../shared/repository/version-log.ts'
import { loadManifest, requireVersion } from '../../../../shared/repository/version-object.ts'
import { MemoryStore, patience } from '../../../shared/repository/memory-store.ts'

const STREAM = { namespace: 'bank', app: 'ledger', slot: '0' }
const POD = { name: 'ledger-0', uid: 'ledger', node: 'node' }

export class Replica {
  readonly store = new MemoryStore()
  readonly log = new VersionLog(this.store, STREAM, patience())
  readonly #database: string
  #agent: { state: AppState; committer: Committer }

  constructor(database: string) {
    this.#database = database
    const writer = new LogWriter(this.log, newWriter(POD, 30), patience())
    this.#agent = this.#start(writer, EMPTY_MANIFEST, 0, new DeltaChain())
  }

  #start(writer: LogWriter, manifest: Manifest, parent: number, chain: DeltaChain) {
    const roots = [{ path: '/ledger.db', as: 'sqlite' as const }]
    const committer = new Committer(
      this.store,
      writer,
      { roots, images: [], templateHash: null },
      patience(),
      {
        standing: { open: 1, main: true, lineage: 'L0', parent },
        held: new HeldVersion(manifest),
        chain,
        vault: PLAIN_VAULT,
      },
    )
    return { state: new AppState(layoutOf(this.#database), systemClock), committer }
  }

  get held(): HeldVersion {
    return this.#agent.committer.held
  }

  /** The new version's number; undefined when nothing has changed. Throws when it lacks something. */
  async commit(): Promise<number | undefined> {
    const { state, committer } = this.#agent
    const result = await committer.commit((held, packs) => state.take(held, packs), {
      reason: 'change',
    })
    const [fault] = committer.held.faults
    if (fault !== undefined) throw new Error(`${fault.kind}: ${fault.why}`)
    return result?.n
  }

  /** Takes a picture whose version never comes to be. */
  async commitInVain(): Promise<void> {
    const { state, committer } = this.#agent
    await committer.commit(
      async (held, packs) => {
        await state.take(held, packs)
        return undefined
      },
      { reason: 'change' },
    )
  }

  /** A new agent that knows only what the repository says. */
  async restart(): Promise<void> {
    const writer = new LogWriter(this.log, newWriter(POD, 30), patience())
    const { n } = await writer.look()
    const { manifest } = await requireVersion(this.log, n)
    const chain = new DeltaChain({ n, depth: manifest.depth })
    this.#agent = this.#start(writer, await loadManifest(this.store, this.log, n), n, chain)
  }

  async entry(version: number): Promise<FileEntry> {
    const { entries } = await loadManifest(this.store, this.log, version)
    return entries.get('0') as FileEntry
  }

  /** Restores a version to a file, over what is there. Bytes that were fetched. */
  async restore(version: number, database: string): Promise<number> {
    const manifest = await loadManifest(this.store, this.log, version)
    const present = await inspect(layoutOf(database), tableOf(manifest.entries), {
      scannedAt: undefined,
      touches: () => true,
      clock: systemClock,
      vault: PLAIN_VAULT,
    })
    const plan = planRestore(tableOf(manifest.entries), [], present)
    const reader = new ObjectReader(this.store, STREAM, patience())
    const source = new ChunkSource(reader, PLAIN_VAULT)
    const { lost } = await runRestore(layoutOf(database), plan, source)
    if (lost[0] !== undefined) throw new Error(lost[0].why)
    return reader.fetchedBytes
  }

  get storedBytes(): number {
    return [...this.store.objects.values()].reduce((sum, { body }) => sum + body.length, 0)
  }
}

function layoutOf(database: string): Layout {
  return {
    roots: [{ path: '/ledger.db', as: 'sqlite', at: database, excludes: () => false }],
    volumes: [],
  }
}

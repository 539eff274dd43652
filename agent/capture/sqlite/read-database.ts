/**
 * Reads a live database from a snapshot of it: the first time all of it, in windows that are stored as chunks, and
 * from then on only the pages that may have changed since what is held was read.
 *
 * Where no log says what has changed, all of it is read and its pages are compared with what they were; after a
 * restart, when nobody knows that, its windows with what is held. A window of which only slices are held cannot be
 * compared, and is stored again.
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Clock } from '../../../shared/clock.ts'
import type { Vault } from '../../../shared/encryption/vault.ts'
import type { ChunkRef } from '../../../shared/repository/entry.ts'
import type { ChunkKeeper } from '../stable-read.ts'
import { DatabaseUnreadableError } from './database-error.ts'
import type { DatabaseSnapshot } from './database-image.ts'
import type { HeldWindows } from './held-windows.ts'
import { isHeld, wholeWindows } from './held-windows.ts'
import type { PageDigests } from './page-digests.ts'
import { digestsFor, noteDigests, pagesThatDiffer } from './page-digests.ts'
import type { Run, StoredRun } from './page-extents.ts'
import { WINDOW_BYTES, planRuns, replaceRuns } from './page-extents.ts'
import type { DatabasePosition } from './position.ts'
import { withDatabaseSnapshot } from './snapshot.ts'

/** A snapshot that was read: where it stood, and what its pages were. */
export interface DatabaseMoment {
  readonly position: DatabasePosition
  readonly digests: PageDigests
}

/** What is held of a database. */
export interface KnownDatabase {
  readonly chunks: readonly ChunkRef[]
  /** When these were read, if that is known. */
  readonly moment: DatabaseMoment | undefined
}

export interface DatabaseRead {
  readonly chunks: readonly ChunkRef[]
  readonly sizeBytes: number
  readonly moment: DatabaseMoment
}

/** Up to so much is read into memory first, and stored when nobody waits for the snapshot to end any more. */
const MEMORY_BYTES = 16 * 1024 * 1024
/** A snapshot that ended while the store was waited for: what was stored from it is not stored again by the next. */
const SNAPSHOTS = 8
/** Between two of them, for those who waited. */
const REST_MS = 1000

/**
 * Stores what `known` does not have; of the bytes of `known`, nothing is asked for.
 * @throws NotADatabaseError, DatabaseUnreadableError, as `withDatabaseSnapshot` does.
 */
export async function readDatabase(
  location: string,
  known: KnownDatabase,
  keeper: ChunkKeeper,
  vault: Vault,
  clock: Clock,
): Promise<DatabaseRead> {
  for (let snapshots = 1; ; snapshots += 1) {
    let wasTaken = false
    try {
      const reading = await withDatabaseSnapshot(
        location,
        async (snapshot) => {
          wasTaken = true
          const changed = await changedSince(snapshot, known.moment)
          const begun = new DatabaseReading(snapshot, changed, known, keeper, vault)
          await begun.read(snapshot)
          return begun
        },
        clock,
      )
      return await reading.finish()
    } catch (error) {
      const wasLost = error instanceof DatabaseUnreadableError && wasTaken
      if (!wasLost || snapshots === SNAPSHOTS) throw error
    }
    await clock.sleep(REST_MS)
  }
}

async function changedSince(
  snapshot: DatabaseSnapshot,
  moment: DatabaseMoment | undefined,
): Promise<readonly number[] | 'all'> {
  const changed = snapshot.changedSince(moment?.position)
  if (changed !== 'all' || moment?.digests.pageBytes !== snapshot.pageBytes) return changed
  return pagesThatDiffer(snapshot, moment.digests)
}

class DatabaseReading {
  readonly #known: KnownDatabase
  readonly #keeper: ChunkKeeper
  readonly #vault: Vault
  readonly #moment: DatabaseMoment
  readonly #sizeBytes: number
  readonly #runs: readonly Run[]
  /** With these, what was read may turn out to be held. */
  readonly #windows: HeldWindows
  readonly #inMemory: Buffer[] = []
  readonly #stored: StoredRun[] = []

  constructor(
    snapshot: DatabaseSnapshot,
    changed: readonly number[] | 'all',
    known: KnownDatabase,
    keeper: ChunkKeeper,
    vault: Vault,
  ) {
    const { pageBytes, sizeBytes, position } = snapshot
    this.#known = known
    this.#keeper = keeper
    this.#vault = vault
    this.#moment = { position, digests: digestsFor(known.moment?.digests, pageBytes, sizeBytes) }
    this.#sizeBytes = sizeBytes
    this.#runs = planRuns(known.chunks, changed, pageBytes, sizeBytes)
    this.#windows = changed === 'all' ? wholeWindows(known.chunks) : new Map()
  }

  async read(snapshot: DatabaseSnapshot): Promise<void> {
    const totalBytes = this.#runs.reduce((sum, run) => sum + run.lengthBytes, 0)
    const fitsMemory = totalBytes <= MEMORY_BYTES
    const shared = Buffer.alloc(fitsMemory ? 0 : WINDOW_BYTES)
    for (const run of this.#runs) {
      const into = fitsMemory ? Buffer.alloc(run.lengthBytes) : shared.subarray(0, run.lengthBytes)
      snapshot.read(into, run.position)
      noteDigests(this.#moment.digests, run.position, into)
      if (fitsMemory) this.#inMemory.push(into)
      else await this.#store(run, into)
    }
  }

  /** When the snapshot has proved good. */
  async finish(): Promise<DatabaseRead> {
    for (const [i, bytes] of this.#inMemory.entries())
      await this.#store(this.#runs[i] as Run, bytes)
    return {
      chunks: replaceRuns(this.#known.chunks, this.#stored, this.#sizeBytes),
      sizeBytes: this.#sizeBytes,
      moment: this.#moment,
    }
  }

  async #store({ position }: Run, bytes: Buffer): Promise<void> {
    if (!isHeld(this.#windows, position, bytes, this.#vault))
      this.#stored.push({ position, chunk: this.#keeper.keep(bytes) })
    await (this.#keeper.room() ?? (bytes.length === WINDOW_BYTES ? nextTurn() : undefined))
  }
}

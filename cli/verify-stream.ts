/**
 * One stream, from its log to its bytes:
 *
 *   records (headers, keys, the state each carries) → manifests (hash, shape, tree) → packs (header) → frames (each
 *   read once, every chunk rehashed) → which files of which versions are lost
 *
 * Memory: one composed manifest per link of the current delta chain, the table of all places, and three ranges of a pack.
 */
import { CorruptObjectError } from '../shared/errors.ts'
import type { VersionRecord } from '../shared/repository/log-record.ts'
import { numberOfVersionKey, versionKey } from '../shared/repository/object-keys.ts'
import type { DamageNotice } from '../shared/repository/damage.ts'
import type { DamagedVersions } from '../shared/repository/verdict.ts'
import type { LoggedPrune } from '../shared/repository/prune-record.ts'
import { pruneFate, readPrune } from '../shared/repository/prune-record.ts'
import { formatStreamName } from '../shared/stream-name.ts'
import { listLog } from './log-listing.ts'
import { ManifestWalk } from './manifest-walk.ts'
import { StoreWithObjectAtHand } from './object-at-hand.ts'
import type { StreamInRepository } from './repository.ts'
import type { Terminal } from './terminal.ts'
import { formatBytes } from './text/sizes.ts'
import type { Coverage } from './verify-coverage.ts'
import { FrameCheck } from './verify-frames.ts'
import type { CheckedRecord } from './verify-log.ts'
import { checkLog } from './verify-log.ts'
import type { VersionLoss } from './verify-losses.ts'
import { damageOf, findLosses, inRuns } from './verify-losses.ts'
import { damageNotices } from './verify-notices.ts'
import { checkOtherObjects } from './verify-objects.ts'
import { checkPacks } from './verify-packs.ts'
import { ChunkTable } from './verify-table.ts'

/** Version objects up to this size are read whole, with the bytes of files in them: one request for each. */
const WHOLE_UP_TO_BYTES = { all: 2 * 1024 * 1024, sample: 64 * 1024 }

export interface StreamResult {
  readonly stream: string
  readonly coverage: Coverage
  /** Readable ones that are not pruned. */
  readonly versions: number
  readonly records: number
  readonly packs: number
  readonly chunks: number
  readonly checkedChunks: number
  readonly readBytes: number
  /** Versions that this is about, the damaged ones too; undefined where there are none. */
  readonly range: { readonly from: number; readonly to: number } | undefined
  /** Faults of the log, of tags and of packs' headers. */
  readonly problems: readonly string[]
  readonly damaged: readonly DamagedVersions[]
  /** What is to be noted for the agent. */
  readonly notices: readonly DamageNotice[]
  /** Objects that nothing refers to: left by crashes, or by others. */
  readonly unreferenced: readonly string[]
  /** The key that the newest sealed version is sealed with; undefined: none is. */
  readonly keyId: string | undefined
}

/** @param only check this version alone, and what it refers to. */
export async function verifyStream(
  from: StreamInRepository,
  only: number | undefined,
  coverage: Coverage,
  terminal: Terminal,
): Promise<StreamResult> {
  const run = new StreamRun(from, only, coverage, terminal)
  return run.result()
}

class StreamRun {
  readonly #from: StreamInRepository
  readonly #only: number | undefined
  readonly #coverage: Coverage
  readonly #say: (text: string) => void
  readonly #stream: string
  readonly #table = new ChunkTable()
  readonly #check: FrameCheck
  readonly #store: StoreWithObjectAtHand
  readonly #walk: ManifestWalk
  readonly #versions: VersionRecord[] = []
  /** Why a version cannot be read at all, by number. */
  readonly #unreadable = new Map<number, string>()
  /** Versions whose own object is the reason. */
  readonly #withoutManifest = new Set<number>()
  /** What prune has removed for good: only their objects may be there still, because others are told against them. */
  #prune: LoggedPrune | undefined
  readonly #problems: string[] = []
  #readBytes = 0

  constructor(
    from: StreamInRepository,
    only: number | undefined,
    coverage: Coverage,
    terminal: Terminal,
  ) {
    this.#from = from
    this.#only = only
    this.#coverage = coverage
    this.#stream = formatStreamName(from.log.stream)
    this.#say = (text) => {
      terminal.progress(`verifying ${this.#stream}: ${text}`)
    }
    this.#check = new FrameCheck(this.#table, from)
    this.#store = new StoreWithObjectAtHand(from.store)
    this.#walk = new ManifestWalk({ ...from, store: this.#store })
  }

  async result(): Promise<StreamResult> {
    await this.#readPrune()
    const listing = await listLog(this.#from.store, this.#from.log.stream)
    const only = this.#only
    const wanted =
      only === undefined ? listing.numbers : listing.numbers.filter(({ n }) => n === only)
    const log = checkLog(this.#from, wanted, {
      withStates: only === undefined,
      wholeUpToBytes: WHOLE_UP_TO_BYTES[this.#coverage.percent === 100 ? 'all' : 'sample'],
    })
    for await (const checked of log.records) {
      this.#say(`record v${checked.n} of v${listing.numbers[0]?.n}`)
      await this.#takeRecord(checked)
    }
    const ofPacks = await checkPacks(
      this.#from,
      this.#table,
      this.#check,
      this.#coverage,
      (...at) => {
        this.#sayFrames(...at)
      },
    )
    const losses = await this.#losses()
    const others =
      only === undefined
        ? await checkOtherObjects(this.#from, this.#versions, new Set(this.#table.packs))
        : { problems: [], unreferenced: [] }
    const strays = listing.strays.map((key) => `object ${key} is no record, and stands in the log`)
    return {
      ...this.#counts(),
      records: wanted.length,
      problems: [...this.#problems, ...strays, ...log.problems, ...ofPacks, ...others.problems],
      unreferenced: others.unreferenced,
      ...losses,
    }
  }

  async #readPrune(): Promise<void> {
    try {
      this.#prune = await readPrune(this.#from.store, this.#from.log.stream)
    } catch (error) {
      this.#problems.push(damageOf(error))
    }
  }

  #isGone(n: number): boolean {
    return pruneFate(this.#prune, n)?.fate === 'gone'
  }

  async #takeRecord({ n, record, problem, object }: CheckedRecord): Promise<void> {
    this.#readBytes += object?.body.length ?? 0
    if (problem !== undefined) {
      this.#unreadable.set(n, problem)
      this.#withoutManifest.add(n)
    }
    if (record?.kind !== 'version') return
    this.#versions.push(record)
    const first = this.#table.chunkCount
    try {
      this.#store.hold(versionKey(this.#from.log.stream, n), object)
      const { changed, entries } = await this.#walk.step(record)
      if (this.#isGone(n)) return
      // What a base has was added with it, unless it is gone and only this version still needs it.
      const isDelta = this.#only === undefined && !this.#isGone(record.manifest.base)
      const vault = await this.#from.log.vaults.reading(record.key)
      this.#table.add(isDelta ? changed : entries.values(), vault)
    } catch (error) {
      this.#unreadable.set(n, damageOf(error))
      this.#withoutManifest.add(this.#culprit(error, record))
    }
    if (object !== undefined) this.#check.checkAtHand(n, object.body, first, this.#table.chunkCount)
  }

  /** The version at fault: this one, or one that it is told against. */
  #culprit(error: unknown, { n, manifest }: VersionRecord): number {
    if (error instanceof CorruptObjectError) return numberOfVersionKey(error.key) ?? n
    return manifest.base
  }

  #sayFrames(done: number, frames: number): void {
    const bytes = formatBytes(this.#readBytes + this.#check.findings.readBytes)
    this.#say(`${done} of ${frames} frames, ${bytes} read`)
  }

  async #losses(): Promise<Pick<StreamResult, 'damaged' | 'notices'>> {
    const { findings } = this.#check
    const unreadable: VersionLoss[] = [...this.#unreadable].map(([version, problem]) => ({
      version,
      problem: this.#explain(version, problem),
      lost: [],
    }))
    if (findings.bad.size > 0) await this.#readPrune()
    const readable = this.#versions.filter(({ n }) => !this.#unreadable.has(n) && !this.#isGone(n))
    const { versions, needed } =
      findings.bad.size === 0
        ? {
            versions: readable.map(({ n }) => ({ version: n, problem: null, lost: [] })),
            needed: new Set<number>(),
          }
        : await findLosses(this.#from, readable, this.#table, findings.bad)
    return {
      damaged: inRuns([...unreadable, ...versions]),
      notices: damageNotices(this.#table, findings, needed, this.#withoutManifest),
    }
  }

  /** A damaged base costs all versions that are told against it: the object at fault is named in each. */
  #explain(version: number, problem: string): string {
    return problem.includes(versionKey(this.#from.log.stream, version))
      ? problem
      : `it needs another: ${problem}`
  }

  #counts() {
    const numbers = [...this.#versions.map(({ n }) => n), ...this.#unreadable.keys()]
    return {
      stream: this.#stream,
      keyId: this.#versions.findLast(({ key }) => key !== undefined)?.key,
      coverage: this.#coverage,
      versions: this.#versions.filter(({ n }) => !this.#isGone(n)).length,
      packs: this.#table.packs.length,
      chunks: this.#table.chunkCount,
      checkedChunks: this.#check.findings.checked.size,
      readBytes: this.#readBytes + this.#check.findings.readBytes,
      range:
        numbers.length === 0
          ? undefined
          : {
              from: numbers.reduce((a, b) => Math.min(a, b)),
              to: numbers.reduce((a, b) => Math.max(a, b)),
            },
    }
  }
}

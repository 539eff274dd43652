/**
 * A stream in memory whose hours pass in no time: writers that commit, restore and are superseded as agents do, and
 * the real prune over it. What each version holds is known beside the store, so that every one that resolves can be
 * read back and compared.
 */
import { PLAIN_VAULT } from '../../shared/encryption/vault.ts'
import { pruneStream, type PruneOrder, type PruneResult } from '../../cli/prune-stream.ts'
import type { PruneSeams } from '../../cli/prune-steps.ts'
import { DeltaChain } from '../../shared/repository/delta-chain.ts'
import type { FileEntry } from '../../shared/repository/entry.ts'
import type { Keep, LogRecord, VersionRecord } from '../../shared/repository/log-record.ts'
import { EMPTY_LOG, advance, type UnstatedRecord } from '../../shared/repository/log-state.ts'
import { encodeObject } from '../../shared/repository/object-file.ts'
import { newPackName, packKey, versionKey } from '../../shared/repository/object-keys.ts'
import { pruneFate, readPrune } from '../../shared/repository/prune-record.ts'
import { createTag } from '../../shared/repository/tags.ts'
import { VersionLog } from '../../shared/repository/version-log.ts'
import { encodeVersion, encodeVersionPayload } from '../../shared/repository/version-object.ts'
import { DAY_MS } from '../../shared/retention/keep-policy.ts'
import { MemoryStore, patience } from '../shared/repository/memory-store.ts'
import { STREAM, unstated } from '../shared/repository/records.ts'
import { deltaOf, fileOf, idsOf, packObject, type Files } from './made-files.ts'

export const DEFAULT_ORDER: PruneOrder = { keep: {}, confirmed: undefined, dryRun: false }

/** A version as its writer made it. */
interface Truth {
  readonly files: ReadonlyMap<string, string>
  readonly record: VersionRecord
}

/** One start of an agent. */
export interface Writer {
  readonly name: string
  readonly open: number
  lineage: string
  branch: boolean
  parent: number
  files: Files
  chain: DeltaChain
}

type CommitParts = {
  packed?: boolean
  bytes?: number
  gone?: readonly string[]
  /** All entries anew, told against no other version. */
  full?: boolean
} & Partial<Pick<VersionRecord, 'complete' | 'reason' | 'keep' | 'tag'>>

const SMALL = { packed: false, bytes: 40, gone: [] as readonly string[], full: false }

export class PrunedWorld {
  readonly store = new MemoryStore()
  readonly log = new VersionLog(this.store, STREAM, patience())
  readonly truths = new Map<number, Truth>()
  ms = Date.UTC(2026, 9, 1)
  /** As a writer sees it: the newest number and the state after it. */
  #newest = 0
  #state = EMPTY_LOG
  #starts = 0
  readonly #entries = new Map<number, Files>()
  #bytes = 0

  constructor() {
    this.store.now = () => new Date(this.ms)
  }

  /** A new writer takes the main line where it is. */
  start(): Writer {
    const { head, settled } = this.#state
    const name = `w${(this.#starts += 1)}`
    const lineage = this.#state.owner?.lineage ?? 'L0'
    const n = this.#newest + 1
    this.#append(unstated('open', n, { writer: name, open: n, lineage, head, settled }))
    return this.#writer(name, n, lineage, head?.version ?? 0)
  }

  /** A restore by a new writer; its lineage goes on from that version. */
  restore(version: number): Writer {
    const { head, settled, lastSwitch, owner } = this.#state
    const left = { lineage: owner?.lineage ?? 'L0', head, settled }
    const name = `w${(this.#starts += 1)}`
    const open = this.#newest + 1
    const line = left.lineage
    this.#append(unstated('open', open, { writer: name, open, lineage: line, head, settled }))
    const n = this.#newest + 1
    const lineage = `L${n}`
    const parts = { writer: name, open, lineage, resolved: version, parent: version, left }
    this.#append(unstated('restore', n, { ...parts, previousSwitch: lastSwitch }))
    this.#append(unstated('done', n + 1, { writer: name, open, lineage, parent: version }))
    return this.#writer(name, open, lineage, version)
  }

  /** Commits: each change is a file of new bytes, in the version itself or, several frames together, in a pack. */
  async commit(
    writer: Writer,
    changes: readonly string[],
    more: CommitParts = {},
  ): Promise<number> {
    const { packed, bytes, gone: asked, full, ...parts } = { ...SMALL, ...more }
    if (!writer.branch && this.#state.owner?.writer !== writer.name) this.#supersede(writer)
    if (full) writer.chain = new DeltaChain()
    const n = this.#newest + 1
    const frames = changes.map(() => this.#newBytes(bytes))
    const pack = packed ? newPackName() : `v${n}`
    const entries = changes.map((name, i) => fileOf(name, pack, frames, i))
    if (packed) this.#upload(pack, frames, entries)
    const gone = asked.filter((name) => writer.files.has(name) && !changes.includes(name))
    for (const entry of entries) writer.files.set(entry.name, entry)
    for (const name of gone) writer.files.delete(name)
    const changed = new Set([...changes, ...gone])
    const plan = writer.chain.plan(changed, writer.files.size + 1)
    const payload = await encodeVersionPayload(
      packed ? [] : frames,
      deltaOf(writer.files, plan.names),
      PLAIN_VAULT,
    )
    const { name, open, lineage, branch, parent } = writer
    const manifest = { ...payload.manifest, base: plan.base, depth: plan.depth }
    const own = { writer: name, open, lineage, branch, parent, manifest, ...parts }
    const record = this.#append(unstated('version', n, own), (stated) =>
      encodeVersion(stated as VersionRecord, payload, PLAIN_VAULT),
    ) as VersionRecord
    writer.chain.committed(n, plan, changed)
    writer.parent = n
    const files = new Map([...writer.files].map(([file, entry]) => [file, idsOf(entry)]))
    this.truths.set(n, { files, record })
    this.#entries.set(n, new Map(writer.files))
    return n
  }

  /** Bytes of a capture that was never committed. */
  uploadGarbage(): void {
    const frames = [this.#newBytes(50)]
    const pack = newPackName()
    this.#upload(pack, frames, [fileOf('0/x', pack, frames, 0)])
  }

  async tag(n: number, tag: string): Promise<void> {
    await createTag(this.store, STREAM, tag, n)
  }

  pass(ms: number): void {
    this.ms += ms
  }

  async prune(order: Partial<PruneOrder> = {}, seams: Partial<PruneSeams> = {}) {
    return pruneStream(
      { store: this.store, log: this.log, patience: patience() },
      { ...DEFAULT_ORDER, ...order },
      {
        step: () => undefined,
        dayMs: DAY_MS,
        serverTime: () => Promise.resolve(new Date(this.ms)),
        ...seams,
      },
      () => undefined,
    )
  }

  /** One run makes the plan, one a day later carries it out. */
  async pruneTwice(keep: Partial<Keep>): Promise<PruneResult> {
    await this.prune({ keep, confirmed: undefined })
    this.pass(DAY_MS)
    return this.prune({ keep })
  }

  /** Numbers of versions that are there and resolve, ascending. */
  async resolving(): Promise<number[]> {
    const prune = await readPrune(this.store, STREAM)
    const there = await this.versionObjects()
    return there.filter((n) => pruneFate(prune, n) === undefined)
  }

  /** Numbers of versions whose objects are there, ascending. */
  async versionObjects(): Promise<number[]> {
    const numbers = (await this.log.numbers()).map(({ n }) => n).toReversed()
    return numbers.filter((n) => this.truths.has(n))
  }

  /** Keys below the stream's prefix that begin so. */
  keys(folder: string): string[] {
    const prefix = `v1/streams/shop/shop/0/`
    return [...this.store.objects.keys()]
      .filter((key) => key.startsWith(prefix + folder))
      .map((key) => key.slice(prefix.length))
  }

  #writer(name: string, open: number, lineage: string, parent: number): Writer {
    const before = this.truths.get(parent)
    const files: Files = new Map(this.#entries.get(parent))
    const { depth = 0 } = before?.record.manifest ?? {}
    const chain = new DeltaChain(parent === 0 ? undefined : { n: parent, depth })
    return { name, open, lineage, branch: false, parent, files, chain }
  }

  /** It uploads everything again, and ships on beside the main line. */
  #supersede(writer: Writer): void {
    writer.branch = true
    writer.lineage = `${writer.lineage}/${writer.name}`
    writer.chain = new DeltaChain()
    const names = [...writer.files.keys()]
    const frames = names.map(() => this.#newBytes(30))
    const pack = newPackName()
    const entries = names.map((name, i) => fileOf(name, pack, frames, i))
    this.#upload(pack, frames, entries)
    writer.files = new Map(entries.map((entry) => [entry.name, entry]))
  }

  #append(record: UnstatedRecord, encode = (stated: LogRecord) => encodeObject([], stated)) {
    this.#state = advance(this.#state, record)
    const stated: LogRecord = { ...record, log: this.#state }
    this.#newest = record.n
    const key = versionKey(STREAM, record.n)
    if (this.store.objects.has(key)) throw new Error(`number ${record.n} is used twice`)
    this.store.objects.set(key, { body: encode(stated), modifiedAt: this.store.now() })
    return stated
  }

  #upload(pack: string, frames: readonly Buffer[], entries: readonly FileEntry[]): void {
    const body = packObject(pack, frames, entries)
    this.store.objects.set(packKey(STREAM, pack), { body, modifiedAt: this.store.now() })
  }

  #newBytes(bytes: number): Buffer {
    this.#bytes += 1
    return Buffer.alloc(bytes, `${this.#bytes}.`)
  }
}

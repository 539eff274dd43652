/**
 * From a capture to a version in the log: the delta against an earlier one, the object, the conditional PUT, and what
 * to do when somebody was faster.
 *
 *   capture (bytes first) → payload → PUT n+1 → acknowledged
 *                                   → taken: the next number, or, superseded, a branch of its own
 */
import type { Vault } from '../../shared/encryption/vault.ts'
import type { ObjectStore } from '../../shared/object-store/object-store.ts'
import type { Clock } from '../../shared/clock.ts'
import type { Patience } from '../../shared/patience.ts'
import { untilReachable } from '../../shared/patience.ts'
import type { Damage } from '../../shared/repository/damage.ts'
import { DeltaChain } from '../../shared/repository/delta-chain.ts'
import type { Fault } from '../../shared/repository/entry.ts'
import type {
  Keep,
  LogRecord,
  RecordedImage,
  VersionRecord,
} from '../../shared/repository/log-record.ts'
import { EMPTY_MANIFEST } from '../../shared/repository/manifest.ts'
import { PackWriter } from '../../shared/repository/pack-writer.ts'
import { encodeVersion, encodeVersionPayload } from '../../shared/repository/version-object.ts'
import { HeldVersion } from '../capture/held-version.ts'
import type { Picture } from './app-state.ts'
import { ChangedNames, deltaAfter, sameFaults } from './capture-delta.ts'
import type { Draft, LogWriter } from './log-writer.ts'
import { isSuperseded } from './log-writer.ts'
import { isChainDamaged } from './version-state.ts'

/** S3 refuses signatures older than 15 minutes; what a commit refers to must be younger than this when it is signed. */
export const FRESH_MS = 60 * 60 * 1000

/** Takes a picture of the volume against a held version: scan, plan, read, store. Undefined: something forbids it now. */
export type TakeCapture = (held: HeldVersion, writer: PackWriter) => Promise<Picture | undefined>

/** What every version of this writer says about the app. */
export interface AppFacts {
  readonly roots: VersionRecord['roots']
  readonly images: readonly RecordedImage[]
  readonly templateHash: string | null
  /** What prune goes by; absent: it was not told, and none is recorded. */
  readonly keep?: Keep
}

/** Where a writer stands: its line, and what its next commit extends. */
export interface Standing {
  readonly open: number
  readonly main: boolean
  readonly lineage: string
  /** The version whose state the next one continues; 0 for none. */
  readonly parent: number
}

export interface CommitResult {
  readonly n: number
  readonly record: VersionRecord
  readonly doubtful: ReadonlySet<string>
}

export interface CommitterStart {
  readonly standing: Standing
  readonly held: HeldVersion
  readonly chain: DeltaChain
  /** Seals everything that is committed. */
  readonly vault: Vault
  readonly onCommitting?: () => void
}

export class Committer {
  #standing: Standing
  #held: HeldVersion
  #chain: DeltaChain
  /** Monotonic time at which the held version was acknowledged. */
  #heldAtMs: number
  readonly #store: ObjectStore
  readonly #writer: LogWriter
  readonly #vault: Vault
  readonly #facts: AppFacts
  readonly #patience: Patience
  readonly #clock: Clock
  readonly #onCommitting: () => void

  constructor(
    store: ObjectStore,
    writer: LogWriter,
    facts: AppFacts,
    patience: Patience,
    start: CommitterStart,
  ) {
    this.#store = store
    this.#writer = writer
    this.#facts = facts
    this.#patience = patience
    this.#vault = start.vault
    this.#clock = patience.clock
    this.#standing = start.standing
    this.#held = start.held
    this.#chain = start.chain
    this.#onCommitting = start.onCommitting ?? (() => undefined)
    this.#heldAtMs = this.#clock.monotonicMs()
  }

  get standing(): Standing {
    return this.#standing
  }

  get held(): HeldVersion {
    return this.#held
  }

  /**
   * Commits what the volume holds now. Undefined when that is what the held version says already (and `always` is
   * false), or when the capture may not be taken. What it returns is in the log, for good.
   */
  async commit(
    take: TakeCapture,
    why: { reason: VersionRecord['reason']; tag?: string; always?: boolean },
  ): Promise<CommitResult | undefined> {
    for (;;) {
      this.#dropStaleHold()
      const packs = new PackWriter(
        this.#store,
        this.#writer.log.stream,
        this.#patience,
        this.#vault,
      )
      const capture = await take(this.#held, packs)
      if (capture === undefined) return undefined
      for (const entry of capture.refreshed.values()) this.#held.refresh(entry)
      if (!why.always && isUnchanged(capture, this.#held.faults)) {
        capture.applied()
        return undefined
      }
      this.#onCommitting()
      const result = await this.#commitCapture(capture, why)
      if (result !== undefined) return result
    }
  }

  /** From now on nothing new refers to these places, or is told against a version whose manifest is lost. */
  async avoid(damage: Damage): Promise<void> {
    const { log } = this.#writer
    this.#held.damage = damage
    const { parent } = this.#standing
    if (await untilReachable(() => isChainDamaged(log, parent, damage), this.#patience))
      this.#chain = new DeltaChain()
  }

  /** Undefined: it must be captured anew, against another base. */
  async #commitCapture(
    capture: Picture,
    why: { reason: VersionRecord['reason']; tag?: string },
  ): Promise<CommitResult | undefined> {
    const counts = this.#held.countsAfter(capture.changed, capture.gone)
    const changed = new ChangedNames(capture)
    const plan = this.#chain.plan(changed, counts.files + counts.directories + counts.symlinks)
    const delta = deltaAfter(this.#held.entries, capture, plan.names)
    const payload = await encodeVersionPayload(capture.packed.inline, delta, this.#vault)
    const draft = this.#draft(capture, why, counts, {
      ...payload.manifest,
      base: plan.base,
      depth: plan.depth,
    })
    const encode = (record: LogRecord) =>
      encodeVersion(record as VersionRecord, payload, this.#vault)
    for (;;) {
      const appended = await this.#writer.tryAppend(draft, encode, this.#signUntilMs(capture))
      if (appended.outcome === 'created') {
        capture.packed.committedAs(appended.n)
        this.#held.advance(capture.changed, capture.gone, capture.faults)
        this.#chain.committed(appended.n, plan, changed)
        capture.applied()
        this.#heldAtMs = this.#clock.monotonicMs()
        this.#standing = { ...this.#standing, parent: appended.n }
        return {
          n: appended.n,
          record: appended.record as VersionRecord,
          doubtful: capture.doubtful,
        }
      }
      if (appended.outcome === 'stale') return this.#forgetHeld()
      const { writer } = this.#writer.identity
      if (this.#standing.main && isSuperseded(appended.view.state, writer, this.#standing.open))
        return this.#becomeBranch()
      if (this.#standing.main) {
        const { head } = appended.view.state
        const parent = head?.version ?? 0
        if (head?.writer === writer && parent !== this.#standing.parent) return this.#adopt(parent)
      }
    }
  }

  #draft(
    capture: Picture,
    why: { reason: VersionRecord['reason']; tag?: string },
    counts: VersionRecord['counts'],
    manifest: VersionRecord['manifest'],
  ): Draft & { kind: 'version' } {
    const faults = countFaults(capture.faults)
    const { roots, images, templateHash, keep } = this.#facts
    return {
      kind: 'version',
      open: this.#standing.open,
      branch: !this.#standing.main,
      lineage: this.#standing.lineage,
      parent: this.#standing.parent,
      reason: why.reason,
      tag: why.tag ?? null,
      scannedAt: capture.scannedAt.toISOString(),
      complete: faults.unreadable === 0 && faults.unstable === 0,
      faults,
      counts,
      added: {
        changed: capture.changed.size,
        gone: capture.gone.size,
        storedBytes: capture.packed.storedBytes,
      },
      roots,
      images: [...images],
      templateHash,
      ...(keep !== undefined && { keep }),
      manifest,
    }
  }

  /** A success at n+1 proves that the main line's head was still the head; a branch's base has only its age to vouch for it. */
  #signUntilMs(capture: Picture): number {
    const base = this.#standing.main ? Infinity : this.#heldAtMs
    return Math.min(capture.packed.oldestUploadMs, base) + FRESH_MS
  }

  #dropStaleHold(): void {
    if (!this.#standing.main && this.#clock.monotonicMs() > this.#heldAtMs + FRESH_MS)
      this.#forgetHeld()
  }

  /** The next capture refers to nothing that was there before: everything is uploaded again, under new names. */
  #forgetHeld(): undefined {
    this.#held = new HeldVersion(EMPTY_MANIFEST)
    this.#chain = new DeltaChain()
    this.#heldAtMs = this.#clock.monotonicMs()
  }

  /** Its own version, of whose fate it had heard nothing before the store refused to answer: it was committed after all. */
  #adopt(parent: number): undefined {
    this.#standing = { ...this.#standing, parent }
    return this.#forgetHeld()
  }

  /** What a superseded writer holds is committed beside the main line, on its own parent, and it ships on there. */
  #becomeBranch(): undefined {
    const { lineage } = this.#standing
    this.#standing = {
      ...this.#standing,
      main: false,
      lineage: `${lineage}/${this.#writer.identity.writer}`,
    }
    return this.#forgetHeld()
  }
}

function isUnchanged(capture: Picture, faults: readonly Fault[]): boolean {
  return capture.changed.size === 0 && capture.gone.size === 0 && sameFaults(capture.faults, faults)
}

function countFaults(faults: readonly Fault[]): VersionRecord['faults'] {
  const counts = { unreadable: 0, unstable: 0, skipped: 0, notRestorable: 0 }
  for (const fault of faults) counts[fault.kind] += 1
  return counts
}

/** The app's state on this machine: its directories, their volumes' marks, and pictures of what they hold. */
import { accessSync, constants, statSync } from 'node:fs'
import type { Clock } from '../../shared/clock.ts'
import { withoutDamaged } from '../../shared/repository/damage.ts'
import type { PackWriter } from '../../shared/repository/pack-writer.ts'
import type { Capture } from '../capture/archiver.ts'
import { archive } from '../capture/archiver.ts'
import { doubtfulSinceNs } from '../capture/doubt.ts'
import type { VolumeIdentity } from '../capture/guard.ts'
import { DirtyNames } from '../capture/dirty-names.ts'
import { whyNotCommit } from '../capture/guard.ts'
import type { HeldVersion } from '../capture/held-version.ts'
import type { Hints } from '../capture/directory-watcher.ts'
import { releaseMemory } from '../capture/release-memory.ts'
import type { Scan } from '../capture/scanner.ts'
import { Walker, scan } from '../capture/scanner.ts'
import type { Survey } from '../capture/survey.ts'
import { surveyAll, surveyDirty } from '../capture/survey.ts'
import { WrittenNames } from '../capture/written-names.ts'
import type { Fault } from '../../shared/repository/entry.ts'
import type { AttributeTools } from '../volume/attribute-tools.ts'
import type { Layout, VolumeRoot } from '../volume/layout.ts'
import { locationOf } from '../volume/layout.ts'
import { fsPath } from '../volume/raw-path.ts'
import type { Mark } from '../volume/mark.ts'
import { VolumeError, readMark, writeMark } from '../volume/mark.ts'

/** A capture of more than this is worth a collection before its commit. */
const MANY_FILES = 2000
const MANY_BYTES = 32 * 1024 * 1024

/** A capture, and when it was begun. */
export interface Picture extends Capture {
  readonly scannedAt: Date
  /** To be called when the held version says what the picture says: it was committed, or there was no difference. */
  readonly applied: () => void
}

export class AppState {
  readonly layout: Layout
  readonly tools: AttributeTools | undefined
  readonly #clock: Clock
  readonly #identityAtStart: VolumeIdentity
  /** Files that were seen so soon after they changed that their times prove nothing. */
  #doubtful: ReadonlySet<string> = new Set()
  /** Files whose bytes have to be stored anew, whatever their times prove. */
  #toStore: ReadonlySet<string> = new Set()
  #sawContent = false
  #hints: Hints | undefined
  /** Where something may differ from the held version: hints that no picture has answered yet. */
  readonly #unapplied = new DirtyNames()
  readonly #written: WrittenNames
  /** How long the last survey of the whole took, without what was read and stored after it. */
  scanMs = 0
  /** Monotonic time of the last survey of the whole. */
  surveyedAllMs = -Infinity
  /** Bytes of the files that the last picture had to read, until it is applied. */
  pendingBytes = 0
  /** The sentence that says why the volume is not committed now; undefined when it is. */
  whyNot: string | undefined

  /** @param tools for extended attributes; without them, these are not the state's business. */
  constructor(layout: Layout, clock: Clock, tools?: AttributeTools) {
    this.layout = layout
    this.tools = tools
    this.#clock = clock
    this.#written = new WrittenNames(layout)
    this.#identityAtStart = identityOf(layout)
  }

  /** Each volume with its mark. Throws `VolumeError`. */
  marks(): { volume: VolumeRoot; mark: Mark | undefined }[] {
    return this.layout.volumes.map((volume) => ({ volume, mark: readMark(volume.at) }))
  }

  /** Writes the mark into each of these volumes, or all; durable when it returns. */
  writeMarks(mark: Mark, volumes: readonly VolumeRoot[] = this.layout.volumes): void {
    for (const volume of volumes) writeMark(volume.at, mark)
  }

  /**
   * Before each commit: a fresh volume gets its first mark with its first commit, not earlier (initdb wants it empty),
   * and a mark that the app wiped comes back. A volume that takes no mark is shipped all the same: what the
   * next start then takes for another's is saved before it is replaced.
   */
  ensureMarks(mark: Mark): void {
    for (const { volume, mark: there } of this.marks()) {
      if (there !== undefined) continue
      try {
        writeMark(volume.at, mark)
      } catch (error) {
        if (!(error instanceof VolumeError)) throw error
      }
    }
  }

  /** From now on these hints say where something may have changed; what they miss, surveys of the whole find. */
  watch(hints: Hints): void {
    this.#hints = hints
    this.#unapplied.markEverything()
  }

  /** The next picture is one of the whole, whatever the hints say. */
  distrustHints(): void {
    this.#unapplied.markEverything()
  }

  scan(): Promise<Scan> {
    return scan(this.layout)
  }

  /** Files that could not be read if a picture were taken now. */
  async unreadableFiles(): Promise<Fault[]> {
    const closed: Fault[] = []
    const walker = new Walker(this.layout, {
      entry: ({ type, name }) => {
        if (type === 'file' && !isReadable(locationOf(this.layout, name)))
          closed.push({ name, kind: 'unreadable', why: 'EACCES' })
      },
    })
    await walker.walkAll()
    return [...walker.findings.unreadable, ...closed]
  }

  async hasContent(): Promise<boolean> {
    let found = false
    const walker = new Walker(this.layout, {
      entry: ({ type, name }) => {
        found ||= type !== 'directory' || name.includes('/')
      },
    })
    await walker.walkAll()
    return found || walker.findings.unreadable.length > 0
  }

  /** From now on the state is another one: what was seen before a restore does not say that this one has files. */
  beginAnew(): void {
    this.#sawContent = false
  }

  /**
   * Files whose times do not prove that they are as the held version has them, because it saw them so soon after; all
   * of them where its bytes are foreign, since they have to be stored anew.
   */
  doubtSince(held: HeldVersion, scannedAt: Date): void {
    const { entries } = held
    const sinceNs = doubtfulSinceNs(scannedAt)
    const doubtful = new Set<string>()
    for (const row of entries.rows()) {
      if (entries.typeAt(row) !== 'file') continue
      if (held.foreign !== undefined || entries.ctimeNsAt(row) > sinceNs)
        doubtful.add(entries.nameAt(row))
    }
    this.#doubtful = held.foreign === undefined ? doubtful : new Set()
    this.#toStore = held.foreign === undefined ? new Set() : doubtful
    this.doubtDamaged(held)
  }

  /** Files whose bytes the repository has lost are read again, and stored anew. */
  doubtDamaged({ entries, damage }: HeldVersion): void {
    if (damage.size === 0) return
    const damaged = withoutDamaged(entries.values(), damage)
    this.#toStore = new Set([...this.#toStore, ...damaged])
  }

  get doubtful(): number {
    return this.#doubtful.size + this.#toStore.size
  }

  /** What a picture taken now would have to read, or to drop. @param doubted files that are read whatever their times say. */
  async survey(
    held: HeldVersion,
    doubted: ReadonlySet<string> = new Set([...this.#doubtful, ...this.#toStore]),
  ): Promise<Survey> {
    const taken = this.#hints?.take() ?? 'all'
    this.#unapplied.add(taken)
    this.#written.add(taken)
    const hints = this.#hints
    const doubtful = new Set([...doubted, ...this.#written.all])
    const options = { doubtful, hints, uid: process.geteuid?.() ?? 0 }
    const dirty = this.#unapplied.all()
    if (held.isSeen && hints?.reliable === true && dirty !== 'all') {
      const survey = await surveyDirty(this.layout, held, dirty, options)
      if (survey !== undefined) return survey
    }
    const beganMs = this.#clock.monotonicMs()
    const survey = await surveyAll(this.layout, held, options)
    this.surveyedAllMs = this.#clock.monotonicMs()
    this.scanMs = this.surveyedAllMs - beganMs
    this.#unapplied.markEverything() // until it is applied
    return survey
  }

  /** A glance: would a picture taken now have anything to read or to drop? Spares the app its hooks when not. */
  async mayDiffer(held: HeldVersion): Promise<boolean> {
    // A file that is only looked at once more is no reason to freeze an app.
    const { plan } = await this.survey(held, this.#toStore)
    return plan.changed.size + plan.gone.size > 0
  }

  /**
   * A picture of the volume against the held version; what that lacks is stored. Undefined when the volume is empty,
   * missing, unreadable or swapped: `whyNot` then says so, unless it was never anything but empty.
   * @param surveyed a survey against the same version that was just made.
   */
  async take(
    held: HeldVersion,
    packs: PackWriter,
    surveyed?: Survey,
  ): Promise<Picture | undefined> {
    const scannedAt = this.#clock.now()
    const { plan, findings } = surveyed ?? (await this.survey(held))
    this.whyNot = this.whyNotCommit(held, { plan, findings })
    if (this.whyNot !== undefined) return undefined
    if (!this.#sawContent && !plan.hasContent) return undefined // fresh, and stays so
    this.pendingBytes = plan.readBytes
    const capture = await archive(this.layout, held, plan, packs, this.#clock, this.tools)
    this.#sawContent ||= plan.hasContent
    if (plan.read.length > MANY_FILES || plan.readBytes > MANY_BYTES) releaseMemory()
    // Also where it is never committed: what only moved is taken over all the same.
    this.#doubtful = new Set([...this.#doubtful, ...capture.doubtful])
    return {
      ...capture,
      scannedAt,
      applied: () => {
        held.isSeen = true
        held.attributesSeen = capture.attributesSeen
        this.#doubtful = capture.doubtful
        this.#toStore = new Set()
        moveMoments(held, capture)
        this.#unapplied.take()
        this.#written.clear()
        this.pendingBytes = 0
      },
    }
  }

  /** The sentence that says why what a survey found must not be committed on this version. */
  whyNotCommit(held: HeldVersion, { plan, findings }: Survey): string | undefined {
    this.#sawContent ||= held.hasContent
    return whyNotCommit(
      this.layout,
      held.entries,
      findings,
      { before: this.#sawContent, after: plan.hasContent },
      { atStart: this.#identityAtStart, now: identityOf(this.layout) },
    )
  }
}

/** They speak of the held version's content, so they move with it only. */
function moveMoments({ moments }: HeldVersion, capture: Capture): void {
  for (const name of moments.keys())
    if (capture.changed.has(name) || capture.gone.has(name)) moments.delete(name)
  for (const [name, moment] of capture.moments) if (moment !== undefined) moments.set(name, moment)
}

function isReadable(location: string): boolean {
  try {
    accessSync(fsPath(location), constants.R_OK)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'EACCES' // one that has gone needs no saving
  }
}

function identityOf(layout: Layout): VolumeIdentity {
  const identity = new Map<string, string>()
  for (const { at } of layout.volumes) {
    const stat = statSync(at, { throwIfNoEntry: false, bigint: true })
    identity.set(at, stat === undefined ? 'missing' : `${stat.dev}:${stat.ino}`)
  }
  return identity
}

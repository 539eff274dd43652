/** The app's state on this machine: its directories, their volumes' marks, and pictures of what they hold. */
import { accessSync, constants, statSync } from 'node:fs'
import type { Clock } from '../../shared/clock.ts'
import type { PackWriter } from '../../shared/repository/pack-writer.ts'
import type { Capture } from '../capture/archiver.ts'
import { archive } from '../capture/archiver.ts'
import { doubtfulSinceNs } from '../capture/doubt.ts'
import type { VolumeIdentity } from '../capture/guard.ts'
import { hasContent, whyNotCommit } from '../capture/guard.ts'
import type { HeldVersion } from '../capture/held-version.ts'
import { ownersNotRestorable } from '../capture/owners.ts'
import type { Scan } from '../capture/scanner.ts'
import { scan } from '../capture/scanner.ts'
import { planSnapshot } from '../capture/snapshot-plan.ts'
import type { Fault } from '../../shared/repository/entry.ts'
import type { Layout, VolumeRoot } from '../volume/layout.ts'
import { locationOf } from '../volume/layout.ts'
import { fsPath } from '../volume/raw-path.ts'
import type { Mark } from '../volume/mark.ts'
import { VolumeError, readMark, writeMark } from '../volume/mark.ts'

export class AppState {
  readonly layout: Layout
  readonly #clock: Clock
  readonly #identityAtStart: VolumeIdentity
  #doubtful: ReadonlySet<string> = new Set()
  #sawContent = false
  /** How long the last scan took, without what was read and stored after it. */
  scanMs = 0
  /** Bytes of the files that the last picture had to read. */
  pendingBytes = 0
  /** The sentence that says why the volume is not committed now; undefined when it is. */
  whyNot: string | undefined

  constructor(layout: Layout, clock: Clock) {
    this.layout = layout
    this.#clock = clock
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

  async scan(): Promise<Scan> {
    const beganMs = this.#clock.monotonicMs()
    const found = await scan(this.layout)
    this.scanMs = this.#clock.monotonicMs() - beganMs
    return found
  }

  /** Files that could not be read if a picture were taken now. */
  async unreadableFiles(): Promise<Fault[]> {
    const { entries, unreadable } = await this.scan()
    const files = [...entries.values()].filter(({ type }) => type === 'file')
    const closed = files.filter(({ name }) => !isReadable(locationOf(this.layout, name)))
    return [
      ...unreadable,
      ...closed.map(({ name }): Fault => ({ name, kind: 'unreadable', why: 'EACCES' })),
    ]
  }

  async hasContent(): Promise<boolean> {
    const found = await this.scan()
    return hasContent(found.entries.values()) || found.unreadable.length > 0
  }

  /** From now on the state is another one: what was seen before a restore does not say that this one has files. */
  beginAnew(): void {
    this.#sawContent = false
  }

  /** Files whose times do not prove that they are as the held version has them, because it saw them so soon after. */
  doubtSince(held: HeldVersion, scannedAt: Date): void {
    const sinceNs = doubtfulSinceNs(scannedAt)
    const files = [...held.entries.values()].filter(
      (entry) => entry.type === 'file' && entry.ctimeNs > sinceNs,
    )
    this.#doubtful = new Set(files.map((entry) => entry.name))
  }

  get doubtful(): number {
    return this.#doubtful.size
  }

  /** A glance: would a picture taken now have anything to read or to drop? Spares the app its hooks when not. */
  async mayDiffer(held: HeldVersion): Promise<boolean> {
    const { read, changed, gone, stale } = planSnapshot(held.entries, await this.scan(), new Set())
    return read.length + changed.length + gone.length + stale.length > 0
  }

  /**
   * A picture of the volume against the held version; what that lacks is stored. Undefined when the volume is empty,
   * missing, unreadable or swapped: `whyNot` then says so, unless it was never anything but empty.
   */
  async take(held: HeldVersion, packs: PackWriter): Promise<Capture | undefined> {
    const scannedAt = this.#clock.now()
    const found = await this.scan()
    this.#sawContent ||= hasContent(held.entries.values())
    this.whyNot = whyNotCommit(this.layout, held.entries, found, this.#sawContent, {
      atStart: this.#identityAtStart,
      now: identityOf(this.layout),
    })
    if (this.whyNot !== undefined) return undefined
    if (!this.#sawContent && !hasContent(found.entries.values())) return undefined // fresh, and stays so
    const plan = planSnapshot(held.entries, found, this.#doubtful)
    this.pendingBytes = plan.read.reduce((sum, { scanned }) => sum + scanned.sizeBytes, 0)
    const capture = await archive(this.layout, held, plan, packs, this.#clock)
    this.#doubtful = capture.doubtful
    this.#sawContent ||= hasContent(found.entries.values())
    const faults = [...capture.faults, ...ownersNotRestorable(found, process.geteuid?.() ?? 0)]
    return { ...capture, faults, scannedAt }
  }
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

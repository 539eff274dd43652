/**
 * Runs a snapshot plan: reads what has to be read, stores the chunks that the held version lacks, and says what the
 * next version will hold. It commits nothing.
 */
import { createHash } from 'node:crypto'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Clock } from '../../shared/clock.ts'
import type { ChunkRef, Entry, Fault, FileEntry } from '../../shared/repository/entry.ts'
import { sameContent, sameEntry } from '../../shared/repository/entry.ts'
import type { PackWriter, PackedBytes } from '../../shared/repository/pack-writer.ts'
import type { Layout } from '../volume/layout.ts'
import { isDatabase, locationOf } from '../volume/layout.ts'
import { doubtfulSinceNs } from './doubt.ts'
import type { HeldVersion } from './held-version.ts'
import type { ScannedEntry } from './scanner.ts'
import { scannedEntry } from './scanner.ts'
import type { FileToRead, SnapshotPlan } from './snapshot-plan.ts'
import { metadataOf } from './snapshot-plan.ts'
import { DatabaseUnreadableError, withDatabaseCopy } from './sqlite-copy.ts'
import type { StableRead } from './stable-read.ts'
import { readStable } from './stable-read.ts'

export interface Capture {
  /** Entries that differ from the held version. */
  readonly changed: readonly Entry[]
  readonly gone: readonly string[]
  /** Entries with the same content and metadata whose inode or times moved. */
  readonly refreshed: readonly Entry[]
  /** All of them, not only the new ones. */
  readonly faults: readonly Fault[]
  /** Files read so soon after they changed that a later change may bear the same time. */
  readonly doubtful: ReadonlySet<string>
  readonly packed: PackedBytes
  /** When the scan began. */
  readonly scannedAt: Date
}

/** Others get a turn of the event loop after so many files. */
const TURN_FILES = 50

export async function archive(
  layout: Layout,
  held: HeldVersion,
  plan: SnapshotPlan,
  writer: PackWriter,
  clock: Clock,
): Promise<Omit<Capture, 'scannedAt'>> {
  const run = new ArchiveRun(layout, held, writer, clock)
  for (const entry of [...plan.changed, ...plan.stale]) run.offer(entry)
  run.gone.push(...plan.gone)
  run.faults.push(...plan.faults)
  for (const [i, file] of plan.read.entries()) {
    await run.read(file)
    if (i % TURN_FILES === 0) await nextTurn()
  }
  run.mendLinks()
  const packed = await writer.finish()
  return { ...run.result(), packed }
}

class ArchiveRun {
  readonly gone: string[] = []
  readonly faults: Fault[] = []
  readonly #changed = new Map<string, Entry>()
  readonly #refreshed: Entry[] = []
  readonly #doubtful = new Set<string>()
  readonly #layout: Layout
  readonly #held: HeldVersion
  readonly #writer: PackWriter
  readonly #clock: Clock

  constructor(layout: Layout, held: HeldVersion, writer: PackWriter, clock: Clock) {
    this.#layout = layout
    this.#held = held
    this.#writer = writer
    this.#clock = clock
  }

  result(): Omit<Capture, 'packed' | 'scannedAt'> {
    return {
      changed: [...this.#changed.values()],
      gone: this.gone,
      refreshed: this.#refreshed,
      faults: this.faults,
      doubtful: this.#doubtful,
    }
  }

  /** Sorts an entry to what changed or what only moved. */
  offer(entry: Entry): void {
    const before = this.#held.entries.get(entry.name)
    if (before !== undefined && sameEntry(before, entry)) this.#refreshed.push(entry)
    else this.#changed.set(entry.name, entry)
  }

  async read(file: FileToRead): Promise<void> {
    const { name } = file.scanned
    let content: StableRead | undefined
    try {
      content = await this.#readContent(name)
    } catch (error) {
      const why = whyUnreadable(error)
      if (why === undefined) throw error // the store's errors come through here, too
      this.#carryOn(name, why)
      return
    }
    if (content === undefined) this.#vanished(name)
    else this.#offerFile(file, content)
  }

  #readContent(name: string): Promise<StableRead | undefined> {
    const location = locationOf(this.#layout, name)
    const read = (at: string) => readStable(at, (bytes) => this.#keep(bytes), this.#clock)
    return isDatabase(this.#layout, name) ? withDatabaseCopy(location, read) : read(location)
  }

  #offerFile({ scanned, hardLinkOf }: FileToRead, content: StableRead): void {
    const { name } = scanned
    const now = isDatabase(this.#layout, name)
      ? this.#databaseEntry(scanned, content)
      : scannedEntry(name, 'file', content.stat)
    const file: FileEntry = {
      ...metadataOf(now),
      type: 'file',
      sizeBytes: content.sizeBytes,
      chunks: content.chunks,
      ...(hardLinkOf !== undefined && { hardLinkOf }),
      ...(!content.stable && { unstable: true }),
    }
    if (!content.stable)
      this.faults.push({ name, kind: 'unstable', why: 'it changed each time it was read' })
    if (now.ctimeNs > doubtfulSinceNs(this.#clock.now())) this.#doubtful.add(name)
    this.offer(file)
  }

  /**
   * A database's bytes come from a copy, whose times are its own and newer than what the copy has seen. Checkpoints
   * move the database's time without changing what it holds: that makes no version.
   */
  #databaseEntry(scanned: ScannedEntry, { chunks, sizeBytes }: StableRead): ScannedEntry {
    const before = this.#held.entries.get(scanned.name)
    const same = before?.type === 'file' && sameContent(before, { ...before, chunks, sizeBytes })
    return same ? { ...scanned, mtimeNs: before.mtimeNs } : scanned
  }

  /** What cannot be read keeps its entry of the held version, marked stale; without one it is only listed. */
  #carryOn(name: string, why: string): void {
    this.faults.push({ name, kind: 'unreadable', why })
    const before = this.#held.entries.get(name)
    if (before !== undefined) this.offer({ ...before, stale: true })
  }

  #vanished(name: string): void {
    if (this.#held.entries.has(name)) this.gone.push(name)
  }

  /**
   * Between scan and read, a hard link's first name may go, become another file, or be read at another moment. A
   * version says of every link the same as of its first name; where that is no more, the link is a file of its own.
   */
  mendLinks(): void {
    const now = new Map<string, Entry>(this.#changed)
    for (const entry of this.#refreshed) now.set(entry.name, entry)
    const gone = new Set(this.gone)
    if (now.size + gone.size === 0) return
    const entryNow = (name: string) =>
      gone.has(name) ? undefined : (now.get(name) ?? this.#held.entries.get(name))
    const mend = (link: Entry) => {
      if (link.type !== 'file' || link.hardLinkOf === undefined) return
      const mended = mendedLink(link, entryNow(link.hardLinkOf))
      if (mended !== link) this.offer(mended)
    }
    for (const link of now.values()) mend(link)
    for (const link of this.#held.entries.values())
      if (!now.has(link.name) && !gone.has(link.name)) mend(link)
  }

  async #keep(bytes: Buffer): Promise<ChunkRef> {
    const id = createHash('sha256').update(bytes).digest('hex')
    return this.#held.chunk(id) ?? this.#writer.find(id) ?? this.#writer.add(id, bytes)
  }
}

function mendedLink(link: FileEntry, first: Entry | undefined): FileEntry {
  const isThere = first?.type === 'file' && first.hardLinkOf === undefined
  if (isThere && sameContent(first, link)) return link
  if (isThere && first.inode === link.inode)
    return { ...first, name: link.name, hardLinkOf: first.name }
  const { hardLinkOf: _gone, ...own } = link
  return own
}

function whyUnreadable(error: unknown): string | undefined {
  if (error instanceof DatabaseUnreadableError) return error.message
  return error instanceof Error && 'syscall' in error && 'code' in error
    ? String(error.code)
    : undefined
}

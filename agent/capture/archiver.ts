/**
 * Runs a snapshot plan: reads what has to be read, stores the chunks that the held version lacks, and says what the
 * next version will hold. It commits nothing.
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Clock } from '../../shared/clock.ts'
import { usesDamaged } from '../../shared/repository/damage.ts'
import type { ChunkRef, Entry, Fault, FileEntry } from '../../shared/repository/entry.ts'
import { sameContent, sameEntry } from '../../shared/repository/entry.ts'
import { EntryTable } from '../../shared/repository/entry-table.ts'
import type { PackWriter, PackedBytes } from '../../shared/repository/pack-writer.ts'
import type { Layout } from '../volume/layout.ts'
import { locationOf } from '../volume/layout.ts'
import type { AttributeTools } from '../volume/attribute-tools.ts'
import type { AttributeLook } from './attribute-look.ts'
import { attributeFaults, lookForAttributes, settleAttributes } from './attribute-look.ts'
import { ChunkIndex } from './chunk-index.ts'
import { filesBeside, isPlain } from './database-as-file.ts'
import { doubtfulSinceNs } from './doubt.ts'
import { mendLinks } from './hard-links.ts'
import type { HeldVersion } from './held-version.ts'
import { reseal } from './reseal.ts'
import { isThere, permissionsOf } from './scanner.ts'
import type { SnapshotPlan } from './snapshot-plan.ts'
import { NotADatabaseError } from './sqlite/database-error.ts'
import type { DatabaseMoment, DatabaseRead, KnownDatabase } from './sqlite/read-database.ts'
import { readDatabase } from './sqlite/read-database.ts'
import type { ChunkKeeper, StableRead } from './stable-read.ts'
import { readSmall, readStable } from './stable-read.ts'
import { whyUnreadable } from './why-unreadable.ts'

export interface Capture {
  /** Entries that differ from the held version. */
  readonly changed: EntryTable
  readonly gone: ReadonlySet<string>
  /** Entries with the same content and metadata whose inode or times moved. */
  readonly refreshed: EntryTable
  /** All of them, not only the new ones. */
  readonly faults: readonly Fault[]
  /** Files read so soon after they changed that a later change may bear the same time. */
  readonly doubtful: ReadonlySet<string>
  /** Databases that were read, by name, and the moment that each was read at; undefined: there is no saying. */
  readonly moments: ReadonlyMap<string, DatabaseMoment | undefined>
  /** What it says of extended attributes was read, now or before. */
  readonly attributesSeen: boolean
  readonly packed: PackedBytes
}

/** Files up to this size are read without giving anybody a turn. */
const SMALL_BYTES = 1024 * 1024
/** Others get a turn of the event loop after so many bytes were read, or so many files. */
const TURN_BYTES = 1024 * 1024
const TURN_FILES = 200

/** @param tools without them, extended attributes stay as the held version has them. */
export async function archive(
  layout: Layout,
  held: HeldVersion,
  plan: SnapshotPlan,
  writer: PackWriter,
  clock: Clock,
  tools?: AttributeTools,
): Promise<Capture> {
  const run = new ArchiveRun(layout, held, plan, writer, clock)
  const looking = tools && lookForAttributes(layout, held, plan.changed, tools)
  run.sortKnown()
  const [look] = await Promise.all([looking, run.readAll()])
  if (held.foreign !== undefined) await reseal(held, held.foreign, run, run)
  if (look !== undefined) run.takeAttributes(look)
  mendLinks(held, run, run.links)
  const { changed, gone, refreshed, faults, doubtful, moments } = run
  const attributesSeen = typeof look?.reading === 'object'
  // What is refreshed is taken over whatever becomes of the capture: its attributes have to be looked at yet.
  if (!attributesSeen) held.attributesSeen = false
  return {
    attributesSeen,
    changed,
    gone,
    refreshed,
    faults,
    doubtful,
    moments,
    packed: await writer.finish(),
  }
}

class ArchiveRun implements ChunkKeeper {
  readonly changed: EntryTable
  readonly gone: Set<string>
  readonly refreshed = new EntryTable()
  readonly faults: Fault[]
  readonly doubtful = new Set<string>()
  readonly moments = new Map<string, DatabaseMoment | undefined>()
  /** Names of the hard links among what was offered. */
  readonly links: string[] = []
  readonly #layout: Layout
  readonly #held: HeldVersion
  readonly #plan: SnapshotPlan
  readonly #writer: PackWriter
  readonly #clock: Clock
  /** New chunks of this capture. */
  readonly #chunks: ChunkIndex

  constructor(
    layout: Layout,
    held: HeldVersion,
    plan: SnapshotPlan,
    writer: PackWriter,
    clock: Clock,
  ) {
    this.#layout = layout
    this.#held = held
    this.#plan = plan
    this.#writer = writer
    this.#clock = clock
    this.changed = plan.changed
    this.gone = new Set(plan.gone)
    this.faults = [...plan.faults]
    this.#chunks = new ChunkIndex(this.changed)
  }

  /** Of what needs no reading, some only moved. */
  sortKnown(): void {
    if (this.#held.entries.size === 0) return
    const toRead = new Set(this.#plan.read)
    for (const row of this.changed.rows()) if (!toRead.has(row)) this.offer(this.changed.at(row))
  }

  /** Sorts an entry to what changed or what only moved; with the attributes that it had, until others are found. */
  offer(offered: Entry): void {
    if (offered.type === 'file' && offered.hardLinkOf !== undefined) this.links.push(offered.name)
    const before = this.#held.entries.get(offered.name)
    const attributes = offered.attributes ?? before?.attributes
    const entry = attributes === undefined ? offered : { ...offered, attributes }
    if (before === undefined || !sameEntry(before, entry) || this.#isMended(before, entry)) {
      this.#chunks.add(this.changed.set(entry))
      return
    }
    // Its bytes lie where they lay: what was read now may be in an upload that no version will name.
    const isFile = entry.type === 'file' && before.type === 'file'
    this.refreshed.set(isFile ? { ...entry, chunks: before.chunks } : entry)
    this.changed.delete(entry.name)
  }

  takeAttributes(look: AttributeLook): void {
    settleAttributes(this.#layout, this.#held, look, this)
    const others = this.faults.filter(({ attribute }) => attribute === undefined)
    this.faults.splice(0)
    this.faults.push(...others, ...attributeFaults(this.#layout, this.#held, look, this))
    this.#doubtOthers()
  }

  /** Of directories and links, too, a later change of attributes may bear the ctime that was seen just after an earlier one. */
  #doubtOthers(): void {
    const sinceNs = doubtfulSinceNs(this.#clock.now())
    for (const table of [this.changed, this.refreshed])
      for (const row of table.rows()) {
        if (table.typeAt(row) === 'file') continue
        const { name, ctimeNs } = table.glanceAt(row)
        if (ctimeNs > sinceNs) this.doubtful.add(name)
      }
  }

  /** The same bytes, which are lost where they lay. */
  #isMended(before: Entry, entry: Entry): boolean {
    const { damage } = this.#held
    return usesDamaged(before, damage) && !usesDamaged(entry, damage)
  }

  async readAll(): Promise<void> {
    let bytes = 0
    let files = 0
    for (const row of this.#plan.read) {
      const entry = this.changed.glanceAt(row) as FileEntry
      const reading = this.#read(entry)
      if (reading !== undefined) await reading
      bytes += entry.sizeBytes
      files += 1
      if (bytes < TURN_BYTES && files < TURN_FILES) continue
      await (this.room() ?? nextTurn())
      bytes = files = 0
    }
  }

  keep(bytes: Buffer): ChunkRef {
    const id = this.#writer.vault.chunkId(bytes)
    const known = this.#held.chunk(id) ?? this.#chunks.find(id, this.#held.damage)
    return known ?? this.#chunks.note(this.#writer.add(id.toString('hex'), bytes))
  }

  room(): Promise<void> | undefined {
    return this.#writer.room()
  }

  /** Undefined: it is done. */
  #read(entry: FileEntry): Promise<void> | undefined {
    if (entry.database === true) return this.#readDatabase(entry)
    if (entry.sizeBytes > SMALL_BYTES) return this.#readLarge(entry)
    try {
      const read = readSmall(locationOf(this.#layout, entry.name), this, this.#clock)
      if (read === 'again') return this.#readLarge(entry)
      this.#take(entry, read)
    } catch (error) {
      this.#carryOn(entry.name, whyUnreadable(error))
    }
    return undefined
  }

  async #readLarge(entry: FileEntry): Promise<void> {
    try {
      this.#take(entry, await readStable(locationOf(this.#layout, entry.name), this, this.#clock))
    } catch (error) {
      this.#carryOn(entry.name, whyUnreadable(error))
    }
  }

  async #readDatabase(entry: FileEntry): Promise<void> {
    const { name } = entry
    const location = locationOf(this.#layout, name)
    const { vault } = this.#writer
    try {
      const read = await readDatabase(location, this.#known(name), this, vault, this.#clock)
      this.moments.set(name, read.moment)
      this.#offerFile(this.#databaseEntry(entry, read), { ...read, stable: true })
    } catch (error) {
      if (!isThere(location)) this.#vanished(name)
      else if (error instanceof NotADatabaseError && entry.sizeBytes === 0) this.#offerEmpty(entry)
      else if (isPlain(this.#layout, name, error)) await this.#readPlain(entry)
      else this.#carryOn(name, whyUnreadable(error))
    }
  }

  /** What lies beside it was left out by the scan. */
  async #readPlain({ database: _none, ...file }: FileEntry): Promise<void> {
    this.changed.delete(file.name)
    await this.#readLarge(file)
    for (const beside of filesBeside(this.#layout, file.name)) {
      this.gone.delete(beside.name)
      await this.#readLarge(beside)
    }
  }

  /** What the version holds of a database; nothing where that must not be referred to any more. */
  #known(name: string): KnownDatabase {
    const before = this.#held.entries.get(name)
    const isSound = this.#held.foreign === undefined && before?.type === 'file'
    if (!isSound || usesDamaged(before, this.#held.damage)) return { chunks: [], moment: undefined }
    return { chunks: before.chunks, moment: this.#held.moments.get(name) }
  }

  /** A database to which nothing has been written yet. */
  #offerEmpty(entry: FileEntry): void {
    this.moments.set(entry.name, undefined)
    this.#offerFile(entry, { chunks: [], sizeBytes: 0, stable: true })
  }

  #take(entry: FileEntry, read: StableRead | undefined): void {
    if (read === undefined) return this.#vanished(entry.name)
    const { mode, uid, gid, mtimeNs, ctimeNs, ino: inode } = read.stat
    // Its attributes may have been read before it changed.
    if (ctimeNs !== entry.ctimeNs) this.doubtful.add(entry.name)
    const owner = { uid: Number(uid), gid: Number(gid) }
    this.#offerFile(
      { ...entry, mode: permissionsOf(mode), ...owner, mtimeNs, ctimeNs, inode },
      read,
    )
  }

  #offerFile(entry: FileEntry, { chunks, sizeBytes, stable }: Omit<StableRead, 'stat'>): void {
    const { name } = entry
    if (!stable)
      this.faults.push({ name, kind: 'unstable', why: 'it changed each time it was read' })
    if (entry.ctimeNs > doubtfulSinceNs(this.#clock.now())) this.doubtful.add(name)
    const file = { ...entry, chunks, sizeBytes }
    this.offer(stable ? file : { ...file, unstable: true })
  }

  /**
   * A database's bytes are newer than the times that the scan has seen. Checkpoints move the database's time without
   * changing what it holds: that makes no version.
   */
  #databaseEntry(entry: FileEntry, { chunks, sizeBytes }: DatabaseRead): FileEntry {
    const before = this.#held.entries.get(entry.name)
    const same = before?.type === 'file' && sameContent(before, { ...before, chunks, sizeBytes })
    return same ? { ...entry, mtimeNs: before.mtimeNs } : entry
  }

  /** What cannot be read keeps its entry of the held version, marked stale; without one it is only listed. */
  #carryOn(name: string, why: string): void {
    this.faults.push({ name, kind: 'unreadable', why })
    const before = this.#held.entries.get(name)
    if (before === undefined) this.changed.delete(name)
    else this.offer({ ...before, stale: true })
  }

  #vanished(name: string): void {
    this.changed.delete(name)
    if (this.#held.entries.has(name)) this.gone.add(name)
  }
}

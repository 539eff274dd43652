/** Looks at what is there before a restore: what certainly is as the version has it, and the chunks of what may be. */
import type { Clock } from '../../shared/clock.ts'
import type { Vault } from '../../shared/encryption/vault.ts'
import type { ChunkRef, Entry, FileEntry } from '../../shared/repository/entry.ts'
import { sameEntry } from '../../shared/repository/entry.ts'
import type { EntryTable } from '../../shared/repository/entry-table.ts'
import { doubtfulSinceNs } from '../capture/doubt.ts'
import type { Findings, ScannedEntry } from '../capture/scanner.ts'
import { Walker } from '../capture/scanner.ts'
import { firstNameOfInode, metadataOf } from '../capture/snapshot-plan.ts'
import type { ChunkKeeper } from '../capture/stable-read.ts'
import { readStable } from '../capture/stable-read.ts'
import type { Attributes } from '../volume/attribute-dump.ts'
import type { AttributeTools } from '../volume/attribute-tools.ts'
import type { Layout } from '../volume/layout.ts'
import { presentAttributes } from './attributes.ts'
import { presentChunks } from './present-database.ts'
import { hasLog } from './stale-logs.ts'
import { isDatabase, locationOf, nameOf } from '../volume/layout.ts'

/** What is there now, against the entries that shall be. */
export interface Present {
  /** By row of the target: 1 where the entry is there as it shall be. */
  readonly same: Uint8Array
  /** Everything else that is there, by name, and everything that has several names. */
  readonly others: ReadonlyMap<string, ScannedEntry>
  /** Of the files among these that the target has, too: their chunks, for what need not be fetched. */
  readonly files: ReadonlyMap<string, FileEntry>
  /** Databases with a log or journal beside them: never as they shall be, whatever their files hold. */
  readonly logged: ReadonlySet<string>
  readonly findings: Findings
  /** What is there has no extended attributes, as far as Holdfast keeps them. False, too, where that is not known. */
  readonly isBare: boolean
  /** There is something. */
  readonly hasContent: boolean
}

export interface InspectOptions {
  /**
   * When the version's scan began: a file that had changed long enough before, and bears the same times still, is as it
   * was captured. Undefined where a crash may have left files whose times are right and whose bytes are not:
   * everything is read.
   */
  readonly scannedAt: Date | undefined
  /** What is not touched is not looked at, either. */
  readonly touches: (name: string) => boolean
  readonly clock: Clock
  /** Names chunks as the version does. */
  readonly vault: Vault
  /** Without them, extended attributes are taken to be as they shall be. */
  readonly tools?: AttributeTools | undefined
}

export async function inspect(
  layout: Layout,
  target: EntryTable,
  { scannedAt, touches, clock, vault, tools }: InspectOptions,
): Promise<Present> {
  const look = new Look(layout, target, scannedAt)
  const walker = new Walker(layout, {
    entry: (entry) => {
      if (touches(entry.name)) look.add(entry)
    },
  })
  // By a program of its own, beside the walk.
  const [attributes] = await Promise.all([
    tools && presentAttributes(layout, tools),
    walker.walkAll(),
  ])
  look.addAttributes(attributes, (name) => walker.look(name))
  const { same, others, files, logged, toRead, hasContent } = look
  for (const [name, hardLinkOf] of toRead) {
    const scanned = others.get(name) as ScannedEntry
    const location = locationOf(layout, name)
    const wanted = target.get(name) as FileEntry
    const chunks =
      (isDatabase(layout, wanted) && (await presentChunks(location, wanted.chunks, vault))) ||
      (await chunksOf(location, clock, vault))
    if (chunks !== undefined) look.compare(scanned, hardLinkOf, chunks)
  }
  const isBare = attributes?.size === 0
  return { same, others, files, logged, findings: walker.findings, isBare, hasContent }
}

/** What is there of an entry of the target, as far as the walk knows. */
interface Seen {
  readonly row: number
  readonly scanned: ScannedEntry
  /** The first name of its inode, where it has several. */
  readonly hardLinkOf: string | undefined
}

class Look {
  readonly same: Uint8Array
  readonly others = new Map<string, ScannedEntry>()
  readonly files = new Map<string, FileEntry>()
  readonly logged = new Set<string>()
  /** Names of files whose content alone tells, with the first name of their inode where it has several. */
  readonly toRead = new Map<string, string | undefined>()
  hasContent = false
  readonly #layout: Layout
  readonly #target: EntryTable
  readonly #provenNs: bigint
  readonly #firstNames = new Map<string, string>()
  /** What shall have extended attributes: compared when those that are there are known. */
  readonly #attributed: Seen[] = []
  /** By location. Undefined: taken to be as they shall be. */
  #attributes: ReadonlyMap<string, Attributes> | undefined

  constructor(layout: Layout, target: EntryTable, scannedAt: Date | undefined) {
    this.same = new Uint8Array(target.endRow)
    this.#layout = layout
    this.#target = target
    this.#provenNs = scannedAt === undefined ? -1n : doubtfulSinceNs(scannedAt)
  }

  add(scanned: ScannedEntry): void {
    const { name, type } = scanned
    this.hasContent ||= type !== 'directory' || name.includes('/')
    const hardLinkOf = type === 'file' ? firstNameOfInode(scanned, this.#firstNames) : undefined
    const row = this.#target.rowOf(name)
    if (row === undefined) this.others.set(name, scanned)
    else if (this.#target.attributesAt(row) === undefined)
      this.#addKnown({ row, scanned, hardLinkOf })
    else this.#attributed.push({ row, scanned, hardLinkOf })
  }

  /**
   * Until here, nothing was taken to have any.
   * @param look at an entry that is there, once more.
   */
  addAttributes(
    present: ReadonlyMap<string, Attributes> | undefined,
    look: (name: string) => ScannedEntry | undefined,
  ): void {
    this.#attributes = present
    for (const seen of this.#attributed.splice(0)) this.#addKnown(seen)
    for (const location of present?.keys() ?? []) {
      const name = nameOf(this.#layout, location) ?? ''
      const row = this.#target.rowOf(name)
      if (row === undefined || this.same[row] !== 1) continue
      if (this.#target.attributesAt(row) !== undefined) continue
      this.same[row] = 0
      const scanned = look(name)
      if (scanned !== undefined)
        this.#addKnown({ row, scanned, hardLinkOf: this.#target.hardLinkOfAt(row) })
    }
  }

  #addKnown(seen: Seen): void {
    const { row, scanned } = seen
    const wanted = this.#target.glanceAt(row)
    if (scanned.type === 'file') return this.#addFile(seen, wanted)
    if (this.#isSame(wanted, asEntry(scanned))) this.same[row] = 1
    else this.others.set(scanned.name, scanned)
  }

  #addFile({ row, scanned, hardLinkOf }: Seen, wanted: Entry): void {
    const { name, links } = scanned
    if (links > 1) this.others.set(name, scanned)
    if (wanted.type === 'file' && hasLog(scanned)) this.logged.add(name)
    const isUnchanged =
      wanted.type === 'file' &&
      wanted.ctimeNs <= this.#provenNs &&
      !this.logged.has(name) &&
      isCertain(wanted, scanned)
    // Without its chunks, which are what they shall be: most files of a volume come here.
    if (isUnchanged && this.#isSame(wanted, fileOf(scanned, hardLinkOf, wanted.chunks))) {
      this.same[row] = 1
      return
    }
    this.others.set(name, scanned)
    if (isUnchanged) this.compare(scanned, hardLinkOf, this.#target.chunksAt(row))
    else if (wanted.type === 'file') this.toRead.set(name, hardLinkOf)
  }

  /** Notes the content of a present file, and whether that is what it shall be. */
  compare(
    scanned: ScannedEntry,
    hardLinkOf: string | undefined,
    chunks: readonly ChunkRef[],
  ): void {
    const there = fileOf(scanned, hardLinkOf, chunks)
    const row = this.#target.rowOf(scanned.name) as number
    if (this.#isSame(this.#target.at(row), there) && !this.logged.has(scanned.name)) {
      this.same[row] = 1
      if (scanned.links < 2) this.others.delete(scanned.name)
    } else this.files.set(scanned.name, there)
  }

  /** A version's own remark that an entry was carried on is no difference. */
  #isSame({ stale: _carriedOn, ...wanted }: Entry, there: Entry): boolean {
    const attributes = this.#attributes?.get(locationOf(this.#layout, there.name))
    return sameEntry(wanted, {
      ...there,
      attributes: this.#attributes === undefined ? (wanted.attributes ?? {}) : (attributes ?? {}),
    })
  }
}

function fileOf(
  scanned: ScannedEntry,
  hardLinkOf: string | undefined,
  chunks: readonly ChunkRef[],
): FileEntry {
  return {
    ...metadataOf(scanned),
    type: 'file',
    sizeBytes: scanned.sizeBytes,
    chunks,
    ...(hardLinkOf !== undefined && { hardLinkOf }),
    ...(scanned.database === true && { database: true }),
  }
}

function asEntry(scanned: ScannedEntry): Entry {
  if (scanned.type === 'symlink')
    return { ...scanned, type: 'symlink', target: scanned.target ?? '' }
  return { ...scanned, type: 'directory' }
}

/** The very inode that was captured, and nothing was written to it since. */
function isCertain(wanted: FileEntry, there: ScannedEntry): boolean {
  return (
    wanted.inode === there.inode &&
    wanted.ctimeNs === there.ctimeNs &&
    wanted.mtimeNs === there.mtimeNs &&
    wanted.sizeBytes === there.sizeBytes &&
    wanted.unstable !== true
  )
}

/** A file's chunks, which have ids, and no place in the repository. Undefined for a file that cannot be read: it is replaced. */
export async function chunksOf(
  location: string,
  clock: Clock,
  vault: Vault,
): Promise<readonly ChunkRef[] | undefined> {
  try {
    const read = await readStable(location, identify(vault), clock)
    return read?.chunks
  } catch (error) {
    if (error instanceof Error && 'syscall' in error) return undefined
    throw error
  }
}

const NOWHERE = { frame: { pack: 'v0', offset: 0, storedBytes: 0, plainBytes: 0 }, start: 0 }

function identify(vault: Vault): ChunkKeeper {
  return {
    keep: (bytes) => ({
      ...NOWHERE,
      id: vault.chunkId(bytes).toString('hex'),
      lengthBytes: bytes.length,
    }),
    room: () => undefined,
  }
}

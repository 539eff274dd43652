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
import { isDatabase, locationOf } from '../volume/layout.ts'

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
  const attributes = tools && (await presentAttributes(layout, tools))
  const look = new Look(layout, target, scannedAt, attributes)
  const walker = new Walker(layout, {
    entry: (entry) => {
      if (touches(entry.name)) look.add(entry)
    },
  })
  await walker.walkAll()
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
  return { same, others, files, logged, findings: walker.findings, hasContent }
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
  readonly #attributes: ReadonlyMap<string, Attributes> | undefined

  constructor(
    layout: Layout,
    target: EntryTable,
    scannedAt: Date | undefined,
    attributes: ReadonlyMap<string, Attributes> | undefined,
  ) {
    this.#attributes = attributes
    this.same = new Uint8Array(target.endRow)
    this.#layout = layout
    this.#target = target
    this.#provenNs = scannedAt === undefined ? -1n : doubtfulSinceNs(scannedAt)
  }

  add(scanned: ScannedEntry): void {
    this.hasContent ||= scanned.type !== 'directory' || scanned.name.includes('/')
    if (scanned.type === 'file') return this.#addFile(scanned)
    const row = this.#target.rowOf(scanned.name)
    const isSame = row !== undefined && this.#isSame(row, asEntry(scanned))
    if (isSame) this.same[row] = 1
    else this.others.set(scanned.name, scanned)
  }

  /** Notes the content of a present file, and whether that is what it shall be. */
  compare(
    scanned: ScannedEntry,
    hardLinkOf: string | undefined,
    chunks: readonly ChunkRef[],
  ): void {
    const there: FileEntry = {
      ...metadataOf(scanned),
      type: 'file',
      sizeBytes: scanned.sizeBytes,
      chunks,
      ...(hardLinkOf !== undefined && { hardLinkOf }),
    }
    const row = this.#target.rowOf(scanned.name) as number
    if (this.#isSame(row, there) && !this.logged.has(scanned.name)) {
      this.same[row] = 1
      if (scanned.links < 2) this.others.delete(scanned.name)
    } else this.files.set(scanned.name, there)
  }

  #addFile(scanned: ScannedEntry): void {
    this.others.set(scanned.name, scanned)
    const hardLinkOf = firstNameOfInode(scanned, this.#firstNames)
    const row = this.#target.rowOf(scanned.name)
    const wanted = row === undefined ? undefined : this.#target.glanceAt(row)
    if (row === undefined || wanted?.type !== 'file') return
    if (hasLog(scanned)) this.logged.add(scanned.name)
    const isProven = wanted.ctimeNs <= this.#provenNs && !this.logged.has(scanned.name)
    if (!isProven || !isCertain(wanted, scanned)) this.toRead.set(scanned.name, hardLinkOf)
    else this.compare(scanned, hardLinkOf, (this.#target.at(row) as FileEntry).chunks)
  }

  /** A version's own remark that an entry was carried on is no difference. */
  #isSame(row: number, there: Entry): boolean {
    const { stale: _carriedOn, ...wanted } = this.#target.at(row)
    const attributes =
      this.#attributes === undefined
        ? wanted.attributes
        : this.#attributes.get(locationOf(this.#layout, there.name))
    const isDatabaseNow = this.others.get(there.name)?.database === true
    const database = isDatabaseNow && { database: true }
    return sameEntry(wanted, { ...there, ...database, attributes: attributes ?? {} })
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

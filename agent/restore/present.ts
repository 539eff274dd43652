/** Looks at what is there before a restore: what certainly is as the version has it, and the chunks of what may be. */
import { createHash } from 'node:crypto'
import { lstatSync } from 'node:fs'
import type { Clock } from '../../shared/clock.ts'
import type { ChunkRef, Entry, FileEntry } from '../../shared/repository/entry.ts'
import { doubtfulSinceNs } from '../capture/doubt.ts'
import type { Scan, ScannedEntry } from '../capture/scanner.ts'
import { firstNameOfInode, metadataOf } from '../capture/snapshot-plan.ts'
import { readStable } from '../capture/stable-read.ts'
import type { Layout } from '../volume/layout.ts'
import { SQLITE_SIDE_FILES, isDatabase, locationOf } from '../volume/layout.ts'
import type { Present } from './restore-plan.ts'

/**
 * @param scannedAt when the version's scan began: a file that had changed long enough before, and bears the same times
 *   still, is as it was captured. Undefined where a crash may have left files whose times are right and whose bytes
 *   are not: everything is read.
 */
export async function inspect(
  layout: Layout,
  target: ReadonlyMap<string, Entry>,
  scan: Scan,
  scannedAt: Date | undefined,
  clock: Clock,
): Promise<Present> {
  const files = new Map<string, FileEntry>()
  const provenNs = scannedAt === undefined ? -1n : doubtfulSinceNs(scannedAt)
  const firstNames = new Map<string, string>()
  for (const scanned of scan.entries.values()) {
    if (scanned.type !== 'file') continue
    const hardLinkOf = firstNameOfInode(scanned, firstNames)
    const wanted = target.get(scanned.name)
    if (wanted?.type !== 'file') continue
    if (isDatabase(layout, scanned.name) && hasSideFiles(layout, scanned.name)) continue
    const chunks =
      wanted.ctimeNs <= provenNs && isCertain(wanted, scanned)
        ? wanted.chunks
        : await chunksOf(layout, scanned, clock)
    if (chunks === undefined) continue
    const link = hardLinkOf === undefined ? {} : { hardLinkOf }
    files.set(scanned.name, {
      ...metadataOf(scanned),
      ...link,
      type: 'file',
      sizeBytes: scanned.sizeBytes,
      chunks,
    })
  }
  return { scanned: scan.entries, files, leftovers: scan.leftovers }
}

/** What a database's log or journal holds is not in its file: it cannot be what the version has. */
function hasSideFiles(layout: Layout, name: string): boolean {
  return SQLITE_SIDE_FILES.some((suffix) => {
    const stat = lstatSync(locationOf(layout, name) + suffix, { throwIfNoEntry: false })
    return stat !== undefined && stat.size > 0 && suffix !== '-shm'
  })
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

/** Undefined for a file that cannot be read: it is replaced. Its chunks have ids, and no place in the repository. */
async function chunksOf(
  layout: Layout,
  scanned: ScannedEntry,
  clock: Clock,
): Promise<readonly ChunkRef[] | undefined> {
  try {
    const read = await readStable(locationOf(layout, scanned.name), identify, clock)
    return read?.chunks
  } catch (error) {
    if (error instanceof Error && 'syscall' in error) return undefined
    throw error
  }
}

const NOWHERE = { pack: 'v0', frame: { offset: 0, storedBytes: 0, plainBytes: 0 }, start: 0 }

function identify(bytes: Buffer): Promise<ChunkRef> {
  const id = createHash('sha256').update(bytes).digest('hex')
  return Promise.resolve({ ...NOWHERE, id, lengthBytes: bytes.length })
}

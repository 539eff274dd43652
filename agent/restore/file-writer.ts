/** Entries one by one: files of which a part is there already, directories, links, and what goes. */
import {
  chmodSync,
  closeSync,
  constants,
  fsyncSync,
  ftruncateSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readSync,
  renameSync,
  rmdirSync,
  symlinkSync,
  unlinkSync,
} from 'node:fs'
import type { Vault } from '../../shared/encryption/vault.ts'
import { isNamed } from '../../shared/encryption/vault.ts'
import { HoldfastError } from '../../shared/errors.ts'
import type { FileEntry, StoredChunk } from '../../shared/repository/entry.ts'
import { isHole } from '../../shared/repository/entry.ts'
import { encodeName, fsPath } from '../volume/raw-path.ts'
import type { OnOwnerLost } from './file-metadata.ts'
import { setOpenFileMetadata } from './file-metadata.ts'
import { SlicedChunks } from './sliced-chunks.ts'
import { openNew, temporaryBeside, writeAll } from './temporary-file.ts'
import { inWriteOrder } from './write-order.ts'

/** Brings a chunk's verified bytes, at once where they are at hand; they are good until the next call. */
export type FetchChunk = (chunk: StoredChunk) => Buffer | Promise<Buffer>

/** Where present bytes can be copied from instead of being fetched. */
export interface PresentBytes {
  readonly location: string
  /** Names chunks as the version does that is restored. */
  readonly vault: Vault
  readonly offsets: ReadonlyMap<string, number>
}

export interface WriteOptions {
  readonly fsync: boolean
  readonly onOwnerLost: OnOwnerLost
  /** Called when all bytes are there, just before the file takes its place. */
  readonly beforeNamed?: () => void
}

/**
 * Writes a file beside its place and moves it there; on any error nothing is left of it. Durable after a sync of
 * the file system, or at once with `fsync`.
 * @param fetch brings a chunk's verified bytes.
 */
export async function writeFile(
  location: string,
  entry: FileEntry,
  present: PresentBytes | undefined,
  fetch: FetchChunk,
  options: WriteOptions,
): Promise<void> {
  const temporary = temporaryBeside(location)
  const fd = openNew(temporary)
  try {
    try {
      await writeChunks(fd, entry, present, fetch)
      setOpenFileMetadata(fd, entry, options.onOwnerLost)
      if (options.fsync) fsyncSync(fd)
    } finally {
      closeSync(fd)
    }
    options.beforeNamed?.()
    renameSync(fsPath(temporary), fsPath(location))
  } catch (error) {
    unlinkSync(fsPath(temporary))
    throw error
  }
}

async function writeChunks(
  fd: number,
  entry: FileEntry,
  present: PresentBytes | undefined,
  fetch: FetchChunk,
): Promise<void> {
  const source = present === undefined ? undefined : openPresent(present)
  const bring = (chunk: StoredChunk) =>
    (source === undefined ? undefined : copyOf(source, chunk)) ?? fetch(chunk)
  const sliced = new SlicedChunks()
  try {
    for (const { chunk, offset } of inWriteOrder(entry.chunks)) {
      const { slice } = chunk
      const bytes = slice === undefined ? bring(chunk) : sliced.part(chunk, slice, bring)
      writeAll(fd, Buffer.isBuffer(bytes) ? bytes : await bytes, offset)
    }
    const last = entry.chunks.at(-1)
    if (last !== undefined && isHole(last)) ftruncateSync(fd, entry.sizeBytes)
  } finally {
    if (source !== undefined) closeSync(source.fd)
  }
}

interface OpenPresent {
  readonly fd: number
  readonly vault: Vault
  readonly offsets: ReadonlyMap<string, number>
}

function openPresent({ location, vault, offsets }: PresentBytes): OpenPresent {
  const fd = openSync(fsPath(location), constants.O_RDONLY | constants.O_NOFOLLOW)
  return { fd, vault, offsets }
}

/** The chunk's bytes from the present file, if they are still there. */
function copyOf({ fd, vault, offsets }: OpenPresent, chunk: StoredChunk): Buffer | undefined {
  const offset = offsets.get(chunk.id)
  if (offset === undefined) return undefined
  const bytes = Buffer.alloc(chunk.lengthBytes)
  const length = readSync(fd, bytes, 0, bytes.length, offset)
  return length === bytes.length && isNamed(vault, bytes, chunk.id) ? bytes : undefined
}

/** Makes a directory; `withParents` for a declared path, above which nothing is ours. */
export function makeDirectory(location: string, withParents: boolean): void {
  mkdirSync(fsPath(location), { mode: 0o700, recursive: withParents })
}

/** Lets its owner write in a directory that is real and not a link; the version's mode is set in the end. Throws otherwise. */
export function openDirectory(location: string): void {
  const stat = lstatSync(fsPath(location))
  if (!stat.isDirectory())
    throw new HoldfastError(`${location} is no directory: nothing is written through it`)
  if ((stat.mode & 0o300) !== 0o300 && stat.uid === process.geteuid?.())
    chmodSync(fsPath(location), (stat.mode & 0o7777) | 0o700)
}

export function makeSymlink(location: string, target: string): void {
  removeIfThere(location)
  symlinkSync(encodeName(target), fsPath(location))
}

export function makeHardLink(location: string, existing: string): void {
  removeIfThere(location)
  linkSync(fsPath(existing), fsPath(location))
}

function removeIfThere(location: string): void {
  if (lstatSync(fsPath(location), { throwIfNoEntry: false }) !== undefined)
    unlinkSync(fsPath(location))
}

/** A directory that still holds something (excluded, or listed as unreadable), or is a mount point, stays. */
export function remove(location: string, type: 'file' | 'directory' | 'symlink'): void {
  try {
    if (type === 'directory') rmdirSync(fsPath(location))
    else unlinkSync(fsPath(location))
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    const stays = type === 'directory' && (code === 'ENOTEMPTY' || code === 'EBUSY')
    if (code !== 'ENOENT' && !stays) throw error
  }
}

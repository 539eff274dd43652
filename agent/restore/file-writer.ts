/** The only place that writes users' files. Each file: temporary, verified bytes, metadata, rename. */
import { randomBytes } from 'node:crypto'
import {
  chmodSync,
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  fsyncSync,
  ftruncateSync,
  futimesSync,
  lchownSync,
  linkSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  openSync,
  readSync,
  renameSync,
  rmdirSync,
  symlinkSync,
  unlinkSync,
  writeSync,
} from 'node:fs'
import type { Vault } from '../../shared/encryption/vault.ts'
import { isNamed } from '../../shared/encryption/vault.ts'
import { HoldfastError } from '../../shared/errors.ts'
import type { Entry, FileEntry, StoredChunk } from '../../shared/repository/entry.ts'
import { isHole, microseconds } from '../../shared/repository/entry.ts'
import { temporaryName } from '../volume/layout.ts'
import { encodeName, fsPath } from '../volume/raw-path.ts'
import { SlicedChunks } from './sliced-chunks.ts'
import { inWriteOrder } from './write-order.ts'

/** An owner that could not be given back, for want of the right to: listed, never fatal. */
export type OnOwnerLost = (entry: Entry) => void

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
  const temporary = `${location.slice(0, location.lastIndexOf('/'))}/${nextTemporaryName()}`
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW
  const fd = openSync(fsPath(temporary), flags, 0o600)
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

/** Names are drawn once, and counted: drawing each would cost more than the small files themselves. */
const PROCESS_ID = randomBytes(4).toString('hex')
let temporaries = 0
function nextTemporaryName(): string {
  temporaries = (temporaries + 1) % 2 ** 32
  return temporaryName(PROCESS_ID + temporaries.toString(16).padStart(8, '0'))
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

function writeAll(fd: number, bytes: Buffer, position: number): void {
  for (let done = 0; done < bytes.length;)
    done += writeSync(fd, bytes, done, bytes.length - done, position + done)
}

/** Owner first: changing it clears setuid and setgid. */
function setOpenFileMetadata(fd: number, entry: FileEntry, onOwnerLost: OnOwnerLost): void {
  chown(entry, onOwnerLost, (uid, gid) => {
    fchownSync(fd, uid, gid)
  })
  fchmodSync(fd, entry.mode)
  futimesSync(fd, seconds(entry.mtimeNs), seconds(entry.mtimeNs))
}

/** Where the owner cannot be given back, the group may be. */
function chown(
  entry: Entry,
  onOwnerLost: OnOwnerLost,
  set: (uid: number, gid: number) => void,
): void {
  if (isPermitted(() => set(entry.uid, entry.gid))) return
  onOwnerLost(entry)
  isPermitted(() => set(UNCHANGED, entry.gid))
}

/** To chown(2): leave it as it is. */
const UNCHANGED = -1

function isPermitted(run: () => void): boolean {
  try {
    run()
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') throw error
    return false
  }
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

/** Sets what differs: owner, mode, mtime. Never follows a link. What belongs to somebody else stays as it is (a volume's root). */
export function setMetadata(location: string, entry: Entry, onOwnerLost: OnOwnerLost): void {
  const path = fsPath(location)
  const there = lstatSync(path, { bigint: true })
  if (Number(there.uid) !== entry.uid || Number(there.gid) !== entry.gid)
    chown(entry, onOwnerLost, (uid, gid) => {
      lchownSync(path, uid, gid)
    })
  const isMine = isPermitted(() => {
    const mode = lstatSync(path).mode & 0o7777
    if (entry.type !== 'symlink' && mode !== entry.mode) chmodSync(path, entry.mode)
    if (microseconds(there.mtimeNs) !== microseconds(entry.mtimeNs))
      lutimesSync(path, seconds(entry.mtimeNs), seconds(entry.mtimeNs))
  })
  if (!isMine) onOwnerLost(entry)
}

/**
 * Node takes seconds as a double, of which the system keeps whole nanoseconds: chosen so that the microseconds are
 * exact. As text, because a negative number (before 1970) would be taken for "now".
 */
function seconds(ns: bigint): string {
  const us = Number(microseconds(ns))
  const nearest = us / 1e6
  const kept = Math.floor(Math.trunc((nearest % 1) * 1e9) / 1000)
  return String(kept === us - Math.trunc(nearest) * 1e6 ? nearest : nearest + 2.5e-7)
}

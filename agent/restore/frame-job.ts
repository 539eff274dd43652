/**
 * What a writer does: opens the frames of one fetched range, verifies every chunk that is wanted of them, and writes it
 * where it belongs. All of it at once and in one go, by whichever thread has it.
 */
import { closeSync, fsyncSync, ftruncateSync, renameSync, unlinkSync } from 'node:fs'
import type { Vault } from '../../shared/encryption/vault.ts'
import { isNamed } from '../../shared/encryption/vault.ts'
import { CorruptObjectError } from '../../shared/errors.ts'
import type { Slice } from '../../shared/repository/entry.ts'
import type { FrameRef } from '../../shared/repository/frame.ts'
import { openFrame } from '../../shared/repository/frame.ts'
import { fsPath } from '../volume/raw-path.ts'
import { FileRefusedError } from './file-refused-error.ts'
import type { Metadata } from './file-metadata.ts'
import { setOpenFileMetadata } from './file-metadata.ts'
import { openNew, openTemporary, temporaryBeside, writeAll } from './temporary-file.ts'

export interface FrameJob {
  /** Of the object that the frames are said to lie in. */
  readonly key: string
  readonly body: Uint8Array<ArrayBuffer>
  readonly frames: readonly JobFrame[]
  /** Each file is made durable by itself. */
  readonly fsync: boolean
}

interface JobFrame {
  readonly ref: FrameRef
  /** Where in the body it begins. */
  readonly at: number
  /** From the front of the frame to its back. */
  readonly pieces: readonly JobPiece[]
}

export interface JobPiece {
  /** The file's row, by which the outcome calls it. */
  readonly row: number
  readonly id: string
  readonly start: number
  readonly lengthBytes: number
  readonly slice: Slice | undefined
  /** Where in the file it goes. */
  readonly offset: number
  /** The file's place; of a part, the temporary file. */
  readonly path: string
  /** Undefined: the piece is a part of a file, which others make and finish. */
  readonly whole: WholeFile | undefined
}

/** A file that this piece is all of. */
export interface WholeFile extends Metadata {
  readonly sizeBytes: number
  /** Nothing can be at its place, and nobody looks at it before the restore is done. */
  readonly isAlone: boolean
}

export interface JobOutcome {
  /** Pieces whose bytes are damaged or gone, by their files' rows. */
  readonly lost: readonly { readonly row: number; readonly why: string }[]
  /** Rows of files whose owner could not be given back. */
  readonly ownersLost: readonly number[]
}

/** What became of a job, and the memory in which its body lay, to be used again. */
export interface DoneJob extends JobOutcome {
  readonly memory: ArrayBuffer
}

/** Throws `FileRefusedError`; damage is told in the outcome. */
export function runFrameJob({ key, body, frames, fsync }: FrameJob, vault: Vault): JobOutcome {
  const lost: { row: number; why: string }[] = []
  const ownersLost: number[] = []
  const stored = Buffer.from(body.buffer, body.byteOffset, body.byteLength)
  for (const { ref, at, pieces } of frames) {
    let plain: Buffer
    try {
      plain = openFrame(vault, key, stored.subarray(at, at + ref.storedBytes), ref)
    } catch (error) {
      if (!(error instanceof CorruptObjectError)) throw error
      for (const { row } of pieces) lost.push({ row, why: error.message })
      continue
    }
    const verified = new VerifiedChunks(plain, vault)
    for (const piece of pieces) {
      const bytes = verified.bytesOf(piece)
      if (bytes === undefined) lost.push({ row: piece.row, why: mismatch(key, piece) })
      else write(piece, bytes, fsync, ownersLost)
    }
    release(plain, body)
  }
  return { lost, ownersLost }
}

/** Gives decoded bytes back at once: each thread would keep some dozens of MiB until its garbage is collected. */
function release(plain: Buffer, body: Uint8Array): void {
  const { buffer, length } = plain
  const isAlone = buffer instanceof ArrayBuffer && buffer.byteLength === length
  if (isAlone && buffer !== body.buffer) buffer.transfer(0)
}

function mismatch(key: string, { id }: JobPiece): string {
  return new CorruptObjectError(key, `chunk ${id} does not match its hash`).message
}

class VerifiedChunks {
  readonly #plain: Buffer
  readonly #vault: Vault
  /** The last one: files with the same bytes, and slices of one chunk, follow each other. */
  #id = ''
  #start = -1
  #bytes: Buffer | undefined

  constructor(plain: Buffer, vault: Vault) {
    this.#plain = plain
    this.#vault = vault
  }

  /** What goes to the file of a piece; undefined where the chunk is not what its name says. */
  bytesOf({ id, start, lengthBytes, slice }: JobPiece): Buffer | undefined {
    if (id !== this.#id || start !== this.#start) {
      const bytes = this.#plain.subarray(start, start + lengthBytes)
      this.#bytes = isNamed(this.#vault, bytes, id) ? bytes : undefined
      this.#id = id
      this.#start = start
    }
    return slice === undefined
      ? this.#bytes
      : this.#bytes?.subarray(slice.from, slice.from + slice.lengthBytes)
  }
}

function write(piece: JobPiece, bytes: Buffer, fsync: boolean, ownersLost: number[]): void {
  const { row, path, offset, whole } = piece
  try {
    if (whole === undefined) writePart(path, bytes, offset)
    else writeWhole(path, whole, bytes, offset, fsync, () => ownersLost.push(row))
  } catch (error) {
    throw new FileRefusedError(row, error)
  }
}

/** The file is finished, and made durable, by whoever made it. */
function writePart(path: string, bytes: Buffer, offset: number): void {
  const fd = openTemporary(path)
  try {
    writeAll(fd, bytes, offset)
  } finally {
    closeSync(fd)
  }
}

/**
 * On an error nothing is left of it. Bytes are verified before the file is there at all, so a file that is alone gets its
 * own name at once, which saves a rename: a crash may leave it short, as it may leave it out, in a directory that was not
 * there before this restore. That directory is unfinished until the restore has ended, and whoever calls it knows: a mark
 * says so, or the next restore compares every byte of it.
 */
function writeWhole(
  location: string,
  file: WholeFile,
  bytes: Buffer,
  offset: number,
  fsync: boolean,
  onOwnerLost: () => void,
): void {
  const path = file.isAlone ? location : temporaryBeside(location)
  const fd = openNew(path)
  try {
    try {
      writeAll(fd, bytes, offset)
      if (offset + bytes.length < file.sizeBytes) ftruncateSync(fd, file.sizeBytes)
      setOpenFileMetadata(fd, file, onOwnerLost)
      if (fsync) fsyncSync(fd)
    } finally {
      closeSync(fd)
    }
    if (!file.isAlone) renameSync(fsPath(path), fsPath(location))
  } catch (error) {
    unlinkSync(fsPath(path))
    throw error
  }
}

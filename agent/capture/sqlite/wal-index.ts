/**
 * The head of a database's wal-index (its `-shm` file): how far its write-ahead log goes, and how much of the log has
 * been copied into the database file. SQLite writes it through a shared map in the machine's byte order; what a read
 * of the file gives is the same memory.
 *
 * It is read rather than guessed from the log, because it alone says which frames are committed for good: a writer
 * killed after its commit frame and before this head leaves frames that look committed and are overwritten by the next.
 */
import { endianness } from 'node:os'
import { DatabaseUnreadableError } from './database-error.ts'
import { readFully } from './read-fully.ts'

export interface WalIndex {
  /** 0 in an index that has seen no transaction. */
  readonly pageBytes: number
  /** Committed frames in the log, counted from 1. */
  readonly frames: number
  /** Pages of the database after the last of them; 0 in an index that has seen no transaction. */
  readonly pages: number
  /** So many frames are in the database file already. May exceed `frames` while a writer begins the log anew. */
  readonly copied: number
  /** Counts the transactions for as long as the index lives: modulo 2^32, from 0 after a crash. */
  readonly transactions: number
  /** Name one filling of the log: 8 bytes, hex. */
  readonly salts: string
  /** Checksum of the last committed frame, as that frame carries it: 8 bytes, hex. */
  readonly checksum: string
}

const HEAD_BYTES = 48
/** Two copies of the head, then how far the log is copied. */
const LOOK_BYTES = 2 * HEAD_BYTES + 4
const VERSION = 3_007_000
/** A look takes microseconds, a commit at least as long: two equal looks come soon. */
const MAX_LOOKS = 10_000

/** Waits for two equal looks at two equal copies of the head: then nothing was written in between. */
export function readWalIndex(fd: number): WalIndex {
  let before = look(fd)
  for (let looks = 0; looks < MAX_LOOKS; looks += 1) {
    const now = look(fd)
    if (now.equals(before) && isWhole(now)) return parse(now)
    before = now
  }
  throw new DatabaseUnreadableError(
    'the index of its write-ahead log (the -shm file) has no form that this release reads',
  )
}

function look(fd: number): Buffer {
  const bytes = Buffer.alloc(LOOK_BYTES)
  readFully(fd, bytes, 0)
  return bytes
}

function isWhole(bytes: Buffer): boolean {
  const first = bytes.subarray(0, HEAD_BYTES)
  const second = bytes.subarray(HEAD_BYTES, 2 * HEAD_BYTES)
  return first.equals(second) && native32(bytes, 0) === VERSION && bytes[12] === 1
}

function parse(bytes: Buffer): WalIndex {
  const checksum = Buffer.alloc(8)
  checksum.writeUInt32BE(native32(bytes, 24), 0)
  checksum.writeUInt32BE(native32(bytes, 28), 4)
  const coded = endianness() === 'LE' ? bytes.readUInt16LE(14) : bytes.readUInt16BE(14)
  return {
    pageBytes: coded === 1 ? 65_536 : coded,
    frames: native32(bytes, 16),
    pages: native32(bytes, 20),
    copied: native32(bytes, 96),
    transactions: native32(bytes, 8),
    salts: bytes.toString('hex', 32, 40),
    checksum: checksum.toString('hex'),
  }
}

function native32(bytes: Buffer, at: number): number {
  return endianness() === 'LE' ? bytes.readUInt32LE(at) : bytes.readUInt32BE(at)
}

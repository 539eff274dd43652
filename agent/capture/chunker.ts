/**
 * Cuts a file's bytes where their content says so, so that an insertion moves few cuts: FastCDC (Xia et al., USENIX
 * ATC 2016) with a gear hash, normalised around the average. The same bytes are cut alike by every release: the gear
 * table and the sizes below are part of what makes deduplication work, though not of the format.
 */
import { createHash } from 'node:crypto'

/** Nothing before this is looked at: half of the bytes need no hashing. */
export const MIN_CHUNK_BYTES = 512 * 1024
const NORMAL_CHUNK_BYTES = 768 * 1024
/** One chunk in a hundred comes to this; buffers are as large. */
export const MAX_CHUNK_BYTES = 2 * 1024 * 1024
/** What the sizes and masks make of bytes without order. */
export const AVERAGE_CHUNK_BYTES = 1024 * 1024
/** 22 and 18 bits: cuts are rare before the normal size, frequent (1 in 256 KiB) after it. */
const HARD_MASK = 0xff_ff_fc_00 | 0
const EASY_MASK = 0xff_ff_c0_00 | 0
/** A hash of 32 bits, moved by one with each byte, tells of no byte before. */
const HASHED_BYTES = 32
/** Two halves of a block are hashed at once; so many bytes of it may have been for nothing when there is a cut. */
const BLOCK_BYTES = 16 * 1024

const GEAR = gearTable()

/** 256 random-looking 32-bit numbers, from a hash so that they need not be listed. */
function gearTable(): Int32Array {
  const table = new Int32Array(256)
  for (let i = 0; i < 256; i += 1)
    table[i] = createHash('sha256').update(`holdfast gear ${i}`).digest().readInt32LE(0)
  return table
}

/**
 * The length of the first chunk of `bytes`. Without `atEnd`, `bytes` must hold at least `MAX_CHUNK_BYTES`, so that
 * the cut does not depend on how the file was read.
 */
export function cutLength(bytes: Buffer): number {
  const end = Math.min(bytes.length, MAX_CHUNK_BYTES)
  if (end <= MIN_CHUNK_BYTES) return end
  const normal = Math.min(end, NORMAL_CHUNK_BYTES)
  return (
    findCut(bytes, MIN_CHUNK_BYTES, normal, HARD_MASK) ??
    findCut(bytes, normal, end, EASY_MASK) ??
    end
  )
}

function findCut(bytes: Buffer, from: number, to: number, mask: number): number | undefined {
  for (let at = from; at < to; at += BLOCK_BYTES) {
    const cut = findInBlock(bytes, at, Math.min(at + BLOCK_BYTES, to), mask)
    if (cut !== undefined) return cut
  }
  return undefined
}

/**
 * The first cut after a byte of the block. Each hash waits for the one before, so the processor does two rows of them
 * in little more time than one.
 */
function findInBlock(bytes: Buffer, from: number, to: number, mask: number): number | undefined {
  const gear = GEAR
  const middle = from + ((to - from) >> 1)
  let first = hashBefore(bytes, from)
  let second = hashBefore(bytes, middle)
  let cut: number | undefined
  let j = middle
  for (let i = from; i < middle; i += 1) {
    first = ((first << 1) + (gear[bytes[i] as number] as number)) | 0
    second = ((second << 1) + (gear[bytes[j] as number] as number)) | 0
    j += 1
    if ((first & mask) === 0) return i + 1
    if ((second & mask) === 0) cut ??= j
  }
  if (cut !== undefined || j === to) return cut
  second = ((second << 1) + (gear[bytes[j] as number] as number)) | 0
  return (second & mask) === 0 ? to : undefined
}

/** Of the bytes before `at`, from the first one on that is looked at. */
function hashBefore(bytes: Buffer, at: number): number {
  let hash = 0
  for (let i = Math.max(MIN_CHUNK_BYTES, at - HASHED_BYTES); i < at; i += 1)
    hash = ((hash << 1) + (GEAR[bytes[i] as number] as number)) | 0
  return hash
}

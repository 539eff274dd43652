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
/** Two halves of a block are hashed at once; where there is a cut in it, it is hashed once more, byte by byte. */
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
  const words = new Int32Array(bytes.buffer, 0, bytes.buffer.byteLength >> 2)
  const aligned = Math.min(to, from + (-(bytes.byteOffset + from) & 3))
  let cut = findByteByByte(bytes, from, aligned, mask)
  for (let at = aligned; cut === undefined && at < to; at += BLOCK_BYTES) {
    const end = Math.min(at + BLOCK_BYTES, to)
    const half = ((end - at) >> 3) * 4
    const hasNone = !hasCut(bytes, words, { at, half, mask })
    cut = findByteByByte(bytes, hasNone ? at + 2 * half : at, end, mask)
  }
  return cut
}

/**
 * Is there a cut in two times `half` bytes? These begin where a word of four bytes does (the first byte is its lowest, on
 * all processors that there are images for): reading words takes half the time of reading bytes. Each hash waits for the one before, so the processor does two rows of them in little more
 * time than one.
 */
function hasCut(
  bytes: Buffer,
  words: Int32Array,
  { at, half, mask }: { at: number; half: number; mask: number },
): boolean {
  const gear = GEAR
  let a = hashBefore(bytes, at)
  let b = hashBefore(bytes, at + half)
  let i = (bytes.byteOffset + at) >> 2
  const end = i + (half >> 2)
  for (let j = end; i < end; i += 1, j += 1) {
    const x = words[i] as number
    const y = words[j] as number
    const a1 = ((a << 1) + (gear[x & 255] as number)) | 0
    const b1 = ((b << 1) + (gear[y & 255] as number)) | 0
    const a2 = ((a1 << 1) + (gear[(x >>> 8) & 255] as number)) | 0
    const b2 = ((b1 << 1) + (gear[(y >>> 8) & 255] as number)) | 0
    const a3 = ((a2 << 1) + (gear[(x >>> 16) & 255] as number)) | 0
    const b3 = ((b2 << 1) + (gear[(y >>> 16) & 255] as number)) | 0
    a = ((a3 << 1) + (gear[x >>> 24] as number)) | 0
    b = ((b3 << 1) + (gear[y >>> 24] as number)) | 0
    if ((a1 & mask) === 0 || (a2 & mask) === 0 || (a3 & mask) === 0 || (a & mask) === 0) return true
    if ((b1 & mask) === 0 || (b2 & mask) === 0 || (b3 & mask) === 0 || (b & mask) === 0) return true
  }
  return false
}

function findByteByByte(bytes: Buffer, from: number, to: number, mask: number): number | undefined {
  const gear = GEAR
  let hash = hashBefore(bytes, from)
  for (let i = from; i < to; i += 1) {
    hash = ((hash << 1) + (gear[bytes[i] as number] as number)) | 0
    if ((hash & mask) === 0) return i + 1
  }
  return undefined
}

/** Of the bytes before `at`, from the first one on that is looked at. */
function hashBefore(bytes: Buffer, at: number): number {
  let hash = 0
  for (let i = Math.max(MIN_CHUNK_BYTES, at - HASHED_BYTES); i < at; i += 1)
    hash = ((hash << 1) + (GEAR[bytes[i] as number] as number)) | 0
  return hash
}

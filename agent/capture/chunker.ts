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
const HARD_MASK = 0xff_ff_fc_00 >>> 0
const EASY_MASK = 0xff_ff_c0_00 >>> 0

const GEAR = gearTable()

/** 256 random-looking 32-bit numbers, from a hash so that they need not be listed. */
function gearTable(): Uint32Array {
  const table = new Uint32Array(256)
  for (let i = 0; i < 256; i += 1)
    table[i] = createHash('sha256').update(`holdfast gear ${i}`).digest().readUInt32LE(0)
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
  let hash = 0
  let i = MIN_CHUNK_BYTES
  for (; i < normal; i += 1) {
    hash = ((hash << 1) + (GEAR[bytes[i] as number] as number)) | 0
    if ((hash & HARD_MASK) === 0) return i + 1
  }
  for (; i < end; i += 1) {
    hash = ((hash << 1) + (GEAR[bytes[i] as number] as number)) | 0
    if ((hash & EASY_MASK) === 0) return i + 1
  }
  return end
}

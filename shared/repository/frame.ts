/** A frame is one independently compressed run of up to about 1 MiB of plain bytes: small files share one, large chunks fill one. */
import { constants, zstdCompressSync, zstdDecompress, zstdDecompressSync } from 'node:zlib'
import { promisify } from 'node:util'
import type { Vault } from '../encryption/vault.ts'
import { CorruptObjectError } from '../errors.ts'
import type { FrameCompressor } from './frame-compressor.ts'
import { ZSTD_PARAMS } from './frame-compressor.ts'

/**
 * Where a frame lies in its object. As many stored as plain bytes: not compressed; fewer: zstd. Where it is sealed, what
 * that adds is counted with the stored ones.
 */
export interface FrameRef {
  readonly offset: number
  readonly storedBytes: number
  readonly plainBytes: number
}

const OPTIONS = { params: ZSTD_PARAMS }
/** No frame is larger: what a damaged or hostile object says of itself is not allocated beyond it. */
export const MAX_FRAME_BYTES = 1024 ** 3
/** Fewer bytes are compressed at once, more by another thread. */
const ASIDE_BYTES = 64 * 1024
/** So many bytes at so many places are tried before all are. */
const SAMPLE_BYTES = 8 * 1024
const SAMPLES = 4
/** Whether there is anything to gain, the cheapest level tells as well, with tables no larger than the samples need. */
const TRIAL_OPTIONS = {
  params: { [constants.ZSTD_c_compressionLevel]: 1 },
  pledgedSrcSize: SAMPLES * SAMPLE_BYTES,
  chunkSize: 2 * SAMPLES * SAMPLE_BYTES,
}

const decompressAside = promisify(zstdDecompress)

/** Compresses, or gives back the same bytes where that would not make them fewer. */
export async function encodeFrame(plain: Buffer, compressor: FrameCompressor): Promise<Buffer> {
  if (plain.length < ASIDE_BYTES) return fewer(plain, encodeSmall(plain))
  if (isIncompressible(plain)) return plain
  return fewer(plain, await compressor.compress(plain))
}

function encodeSmall(plain: Buffer): Buffer {
  return plain.length < 64 ? plain : zstdCompressSync(plain, OPTIONS)
}

function fewer(plain: Buffer, packed: Buffer): Buffer {
  return packed.length < plain.length ? packed : plain
}

/** Samples are tried first: media and archives are not compressed twice. */
function isIncompressible(plain: Buffer): boolean {
  const step = Math.floor(plain.length / SAMPLES)
  const samples = Array.from({ length: SAMPLES }, (_, i) =>
    plain.subarray(i * step, i * step + SAMPLE_BYTES),
  )
  const sample = Buffer.concat(samples)
  if (!isEven(sample)) return false
  return zstdCompressSync(sample, TRIAL_OPTIONS).length > sample.length * 0.97
}

/** All bytes are about as frequent: what is not so is worth compressing, and needs no trial. */
function isEven(sample: Buffer): boolean {
  const counts = new Uint16Array(256)
  for (let i = 0; i < sample.length; i += 1) counts[sample[i] as number]! += 1
  let squares = 0
  for (const count of counts) squares += count * count
  return squares * 256 < 1.5 * sample.length ** 2
}

/** What is stored of a frame. */
export async function sealFrame(
  vault: Vault,
  plain: Buffer,
  compressor: FrameCompressor,
): Promise<Buffer> {
  return vault.seal(await encodeFrame(plain, compressor))
}

/** The plain bytes of a frame as it is stored. Throws as `decodeFrame` does. */
export function openFrame(vault: Vault, key: string, stored: Buffer, ref: FrameRef): Buffer {
  requireSane(key, stored, ref)
  return decodeFrame(key, vault.open(key, stored), unsealed(vault, ref))
}

/** As `openFrame`; a large frame is decompressed by another thread. */
export async function openFrameAside(
  vault: Vault,
  key: string,
  stored: Buffer,
  ref: FrameRef,
): Promise<Buffer> {
  requireSane(key, stored, ref)
  return decodeFrameAside(key, vault.open(key, stored), unsealed(vault, ref))
}

function unsealed({ sealBytes }: Vault, ref: FrameRef): FrameRef {
  return sealBytes === 0 ? ref : { ...ref, storedBytes: ref.storedBytes - sealBytes }
}

/** The plain bytes of a frame that is not sealed, or is opened. Throws `CorruptObjectError` when they are not what the reference says. */
export function decodeFrame(key: string, stored: Buffer, ref: FrameRef): Buffer {
  requireSane(key, stored, ref)
  if (ref.storedBytes === ref.plainBytes) return stored
  try {
    return requireWhole(key, zstdDecompressSync(stored, limitOf(ref)), ref)
  } catch (cause) {
    throw undecodable(key, ref, cause)
  }
}

/** As `decodeFrame`; a large frame is decompressed by another thread. */
async function decodeFrameAside(key: string, stored: Buffer, ref: FrameRef): Promise<Buffer> {
  if (ref.plainBytes < ASIDE_BYTES || ref.storedBytes === ref.plainBytes)
    return decodeFrame(key, stored, ref)
  requireSane(key, stored, ref)
  try {
    return requireWhole(key, await decompressAside(stored, limitOf(ref)), ref)
  } catch (cause) {
    throw undecodable(key, ref, cause)
  }
}

function requireSane(key: string, stored: Buffer, ref: FrameRef): void {
  if (stored.length !== ref.storedBytes)
    throw new CorruptObjectError(key, `it ends within the frame at byte ${ref.offset}`)
  if (ref.plainBytes > MAX_FRAME_BYTES)
    throw new CorruptObjectError(
      key,
      `the frame at byte ${ref.offset} is said to hold ${ref.plainBytes} bytes`,
    )
}

/** One piece of output, of the size that is to come. */
function limitOf({ plainBytes }: FrameRef) {
  return { maxOutputLength: plainBytes, chunkSize: Math.max(64, plainBytes) }
}

function requireWhole(key: string, plain: Buffer, ref: FrameRef): Buffer {
  if (plain.length === ref.plainBytes) return plain
  throw new CorruptObjectError(key, `the frame at byte ${ref.offset} is shorter than said`)
}

function undecodable(key: string, ref: FrameRef, cause: unknown): CorruptObjectError {
  if (cause instanceof CorruptObjectError) return cause
  const why = `the frame at byte ${ref.offset} does not decompress`
  return new CorruptObjectError(key, why, { cause })
}

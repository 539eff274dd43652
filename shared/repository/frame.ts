/** A frame is one independently compressed run of up to about 1 MiB of plain bytes: small files share one, large chunks fill one. */
import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { CorruptObjectError, HoldfastError } from '../errors.ts'

/** Where a frame lies in its object. As many stored as plain bytes: not compressed; fewer: zstd. */
export interface FrameRef {
  readonly offset: number
  readonly storedBytes: number
  readonly plainBytes: number
}

const LEVEL = 3
/** No frame is larger: what a damaged or hostile object says of itself is not allocated beyond it. Manifests are frames, too. */
export const MAX_FRAME_BYTES = 1024 ** 3

/** Compresses, or gives back the same bytes where that would not make them fewer. Throws for more bytes than any reader takes. */
export function encodeFrame(plain: Buffer): Buffer {
  if (plain.length > MAX_FRAME_BYTES)
    throw new HoldfastError(
      `a version's list of entries has ${plain.length} bytes, ${MAX_FRAME_BYTES} are allowed: declare fewer files, or exclude some`,
    )
  if (plain.length < 64 || isIncompressible(plain)) return plain
  const packed = compress(plain)
  return packed.length < plain.length ? packed : plain
}

/** Four samples, 64 KiB in all, are tried first: media and archives are not compressed twice. */
function isIncompressible(plain: Buffer): boolean {
  if (plain.length < 256 * 1024) return false
  const quarter = plain.length >> 2
  const samples = [0, 1, 2, 3].map((i) => plain.subarray(i * quarter, i * quarter + 16 * 1024))
  const sample = Buffer.concat(samples)
  return compress(sample).length > sample.length * 0.97
}

function compress(plain: Buffer): Buffer {
  return zstdCompressSync(plain, { params: { [constants.ZSTD_c_compressionLevel]: LEVEL } })
}

/** The plain bytes of a frame. Throws `CorruptObjectError` when they are not what the reference says. */
export function decodeFrame(key: string, stored: Buffer, ref: FrameRef): Buffer {
  if (stored.length !== ref.storedBytes)
    throw new CorruptObjectError(key, `it ends within the frame at byte ${ref.offset}`)
  if (ref.storedBytes === ref.plainBytes) return stored
  if (ref.plainBytes > MAX_FRAME_BYTES)
    throw new CorruptObjectError(
      key,
      `the frame at byte ${ref.offset} is said to hold ${ref.plainBytes} bytes`,
    )
  try {
    const plain = zstdDecompressSync(stored, { maxOutputLength: ref.plainBytes })
    if (plain.length === ref.plainBytes) return plain
  } catch (cause) {
    throw new CorruptObjectError(key, `the frame at byte ${ref.offset} does not decompress`, {
      cause,
    })
  }
  throw new CorruptObjectError(key, `the frame at byte ${ref.offset} is shorter than said`)
}

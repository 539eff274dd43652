/**
 * The shape of every object in a repository, chosen so that bytes can be streamed before it is known what they are,
 * and that a person sees in any viewer what it is:
 *
 *   holdfast/1\n                                     11 bytes: format and its version
 *   <frames>                                         binary; offsets count from the object's first byte
 *   \n<header>\n                                     one line of JSON: `tail -n 2 | head -n 1` shows it
 *   <length of header line, 10 digits> <sha256>\n    76 bytes: where the header begins, and its hash
 */
import { createHash } from 'node:crypto'
import { CorruptObjectError, NewerFormatError } from '../errors.ts'
import type { ObjectStore, StoredObject } from '../object-store/object-store.ts'

export const MAGIC = Buffer.from('holdfast/1\n')
const NEWER_MAGIC = /^holdfast\/([2-9]|[1-9]\d{1,3})\n/
const MAX_MAGIC_BYTES = 14
const SEPARATOR = Buffer.from('\n')
const TRAILER_BYTES = 76
const TRAILER = /^(\d{10}) ([0-9a-f]{64})\n$/
/** The highest format that a header may have for this release (2: sealed). One that says more is not for it. */
const NEWEST_FORMAT = 2
/** Most headers fit: one request brings the end of the object, header included. */
const TAIL_BYTES = 16 * 1024
/** No header is longer: what a damaged or hostile object says of itself is not fetched beyond it. */
const MAX_HEADER_BYTES = 64 * 1024 ** 2

export function encodeObject(frames: readonly Buffer[], header: object): Buffer {
  return Buffer.concat([MAGIC, ...frames, encodeTail(header)])
}

/** What follows an object's frames. */
export function encodeTail(header: object): Buffer {
  const line = Buffer.from(`${JSON.stringify(header)}\n`)
  const length = String(line.length).padStart(10, '0')
  return Buffer.concat([SEPARATOR, line, Buffer.from(`${length} ${sha256Hex(line)}\n`)])
}

/** The header of a whole object. Throws `CorruptObjectError`, or `NewerFormatError` for one that is not for this release. */
export function decodeHeader(key: string, object: Buffer): unknown {
  let header: unknown
  try {
    header = decodeTail(key, object, object.length).header
  } catch (error) {
    throw newerFormat(key, object, error) ?? error
  }
  requireMagic(key, object)
  return header
}

/**
 * Reads an object's header with one small request, two where the header is long (or cannot be read).
 * Undefined when there is no such object. Throws as `decodeHeader` does.
 */
export async function readHeader(
  store: ObjectStore,
  key: string,
): Promise<{ header: unknown; modifiedAt: Date; sizeBytes: number } | undefined> {
  let tail: StoredObject | undefined = await store.get(key, { lastBytes: TAIL_BYTES })
  if (tail === undefined) return undefined
  const { modifiedAt, sizeBytes } = tail
  let decoded: DecodedTail
  try {
    decoded = decodeTail(key, tail.body, sizeBytes)
  } catch (error) {
    const isWhole = tail.body.length === sizeBytes
    const head = isWhole ? tail : await store.get(key, { offset: 0, lengthBytes: MAX_MAGIC_BYTES })
    throw newerFormat(key, head?.body ?? Buffer.alloc(0), error) ?? error
  }
  if (decoded.missingBytes > 0) {
    tail = await store.get(key, { lastBytes: tail.body.length + decoded.missingBytes })
    if (tail === undefined) return undefined
    decoded = decodeTail(key, tail.body, sizeBytes)
  }
  if (decoded.missingBytes > 0) throw new CorruptObjectError(key, 'its header is cut off')
  if (tail.body.length === sizeBytes) requireMagic(key, tail.body)
  return { header: decoded.header, modifiedAt, sizeBytes }
}

/**
 * The first line names another format, and the end of the object is not as in this one. A header that is whole is
 * trusted more than the first line, which nothing proves: there, one bit makes a 3 of a 1.
 */
function newerFormat(key: string, object: Buffer, cause: unknown): NewerFormatError | undefined {
  if (cause instanceof NewerFormatError) return undefined
  const format = NEWER_MAGIC.exec(object.subarray(0, MAX_MAGIC_BYTES).toString('latin1'))?.[1]
  return format === undefined ? undefined : new NewerFormatError(key, format, { cause })
}

function requireMagic(key: string, object: Buffer): void {
  if (!object.subarray(0, MAGIC.length).equals(MAGIC))
    throw new CorruptObjectError(key, 'it does not begin with "holdfast/1"')
}

interface DecodedTail {
  readonly header: unknown
  readonly missingBytes: number
}

function decodeTail(key: string, tail: Buffer, sizeBytes: number): DecodedTail {
  const match = TRAILER.exec(tail.subarray(-TRAILER_BYTES).toString('latin1'))
  if (match === null) throw new CorruptObjectError(key, 'its last line is no trailer')
  const length = Number(match[1])
  if (length + TRAILER_BYTES + MAGIC.length > sizeBytes || length > MAX_HEADER_BYTES)
    throw new CorruptObjectError(
      key,
      `its header is said to have ${length} bytes, the object has ${sizeBytes}, and ${MAX_HEADER_BYTES} are allowed`,
    )
  if (length + TRAILER_BYTES > tail.length)
    return { header: undefined, missingBytes: length + TRAILER_BYTES - tail.length }
  const line = tail.subarray(tail.length - TRAILER_BYTES - length, tail.length - TRAILER_BYTES)
  if (sha256Hex(line) !== match[2])
    throw new CorruptObjectError(key, 'its header does not match its hash')
  return { header: parseHeader(key, line), missingBytes: 0 }
}

function parseHeader(key: string, line: Buffer): unknown {
  let header: unknown
  try {
    header = JSON.parse(line.toString())
  } catch (cause) {
    throw new CorruptObjectError(key, 'its header is no JSON', { cause })
  }
  const { format } = (header ?? {}) as { format?: unknown }
  if (typeof format === 'number' && Number.isInteger(format) && format > NEWEST_FORMAT)
    throw new NewerFormatError(key, String(format))
  return header
}

export function sha256Hex(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex')
}

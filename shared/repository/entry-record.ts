/**
 * The variable part of an entry as bytes: the last part of its name, its chunks, and what few entries have.
 *
 *   flags (1) | length of name (2) | of chunk list (4) | of the rest (4, if there is one) | name | chunk list | rest
 */
import type { Entry } from './entry.ts'
import type { FrameRegistry } from './chunk-list.ts'
import { chunkListBytes, copyChunks, writeChunks } from './chunk-list.ts'
import { roundedUp } from './byte-heap.ts'
import type { NameReader } from './name-reader.ts'
import type { UsualLine } from './usual-line.ts'

const NAME_IS_UTF16 = 1
const HAS_REST = 2
const HEAD_BYTES = 7
const FIRST_BEYOND_ASCII = 0x80

/** What few entries have; in JSON, which keeps lone surrogates. */
export interface Rest {
  readonly target?: string
  readonly hardLinkOf?: string
  /** Pairs: some releases of V8 misread JSON keys that have escapes, once they have met others of the same shape. */
  readonly attributes?: readonly (readonly [string, string])[]
  /** Numbers beyond 64 bits with a sign: times after the year 2262 (the system gives inodes with a sign, too). */
  readonly mtimeNs?: string
  readonly ctimeNs?: string
  readonly inode?: string
}

const NOTHING: Rest = {}

export interface RecordPlan {
  readonly name: string
  readonly nameBytes: number
  readonly utf16: boolean
  readonly rest: Buffer | undefined
  readonly listBytes: number
  /** Of the whole record. */
  readonly bytes: number
}

export function planRecord(baseName: string, entry: Entry): RecordPlan {
  const utf16 = !baseName.isWellFormed()
  const nameBytes = Buffer.byteLength(baseName, utf16 ? 'utf16le' : 'utf8')
  const rest = restOf(entry)
  const listBytes = entry.type === 'file' ? chunkListBytes(entry.chunks) : 0
  const restBytes = rest === undefined ? 0 : 4 + rest.length
  const bytes = HEAD_BYTES + nameBytes + listBytes + restBytes
  return { name: baseName, nameBytes, utf16, rest, listBytes, bytes }
}

function restOf(entry: Entry): Buffer | undefined {
  if (hasNoRest(entry)) return undefined
  const { mtimeNs, ctimeNs, inode } = entry
  const rest: Rest = {
    ...(entry.type === 'symlink' && { target: entry.target }),
    ...(entry.type === 'file' &&
      entry.hardLinkOf !== undefined && { hardLinkOf: entry.hardLinkOf }),
    ...(entry.attributes !== undefined && { attributes: Object.entries(entry.attributes) }),
    ...(!fits(mtimeNs) && { mtimeNs: String(mtimeNs) }),
    ...(!fits(ctimeNs) && { ctimeNs: String(ctimeNs) }),
    ...(!fits(inode) && { inode: String(inode) }),
  }
  return Buffer.from(JSON.stringify(rest))
}

function hasNoRest(entry: Entry): boolean {
  if (entry.type === 'symlink' || entry.attributes !== undefined) return false
  if (entry.type === 'file' && entry.hardLinkOf !== undefined) return false
  return fits(entry.mtimeNs) && fits(entry.ctimeNs) && fits(entry.inode)
}

/** Into 64 bits with a sign. */
function fits(number: bigint): boolean {
  return BigInt.asIntN(64, number) === number
}

export function writeRecord(
  into: Buffer,
  offset: number,
  plan: RecordPlan,
  entry: Entry,
  frames: FrameRegistry,
): void {
  const { name, nameBytes, utf16, rest, listBytes } = plan
  into.writeUInt8((utf16 ? NAME_IS_UTF16 : 0) | (rest === undefined ? 0 : HAS_REST), offset)
  into.writeUInt16LE(nameBytes, offset + 1)
  into.writeUInt32LE(listBytes, offset + 3)
  let at = offset + HEAD_BYTES
  if (rest !== undefined) at = into.writeUInt32LE(rest.length, at)
  at += into.write(name, at, nameBytes, utf16 ? 'utf16le' : 'utf8')
  if (entry.type === 'file') writeChunks(into, at, entry.chunks, frames)
  rest?.copy(into, at + listBytes)
}

export function usualRecordBytes({ name, listBytes }: UsualLine): number {
  return HEAD_BYTES + name.baseEnd - name.baseAt + listBytes
}

/** As `writeRecord`, of what a line says. */
export function writeUsualRecord(
  into: Buffer,
  offset: number,
  { name, list, listBytes, frames: ownFrames }: UsualLine,
  frames: FrameRegistry,
): void {
  const { bytes, baseAt, baseEnd } = name
  const nameBytes = baseEnd - baseAt
  into.writeUInt8(0, offset)
  into.writeUInt16LE(nameBytes, offset + 1)
  into.writeUInt32LE(listBytes, offset + 3)
  const at = offset + HEAD_BYTES
  for (let i = 0; i < nameBytes; i += 1) into[at + i] = bytes[baseAt + i] as number
  copyChunks(into, at + nameBytes, list, ownFrames, frames)
}

/** Has the entry anything that few have? */
export function recordHasRest(buffer: Buffer, offset: number): boolean {
  return ((buffer[offset] as number) & HAS_REST) !== 0
}

/** Is this the last part of the entry's name? */
export function isNamed(buffer: Buffer, offset: number, base: string): boolean {
  const flags = buffer[offset] as number
  const length = buffer.readUInt16LE(offset + 1)
  const at = offset + HEAD_BYTES + ((flags & HAS_REST) === 0 ? 0 : 4)
  if ((flags & NAME_IS_UTF16) !== 0) return buffer.toString('utf16le', at, at + length) === base
  if (length < base.length) return false
  for (let i = 0; i < base.length; i += 1) {
    const code = base.charCodeAt(i)
    if (code >= FIRST_BEYOND_ASCII) return buffer.toString('utf8', at, at + length) === base
    if (buffer[at + i] !== code) return false
  }
  return length === base.length
}

/** Is this the last part of the entry's name, in UTF-8? */
export function isNamedAlike(
  buffer: Buffer,
  offset: number,
  { bytes, baseAt, baseEnd }: NameReader,
): boolean {
  const flags = buffer[offset] as number
  const length = buffer.readUInt16LE(offset + 1)
  if ((flags & NAME_IS_UTF16) !== 0 || length !== baseEnd - baseAt) return false
  const at = offset + HEAD_BYTES + ((flags & HAS_REST) === 0 ? 0 : 4)
  return buffer.compare(bytes, baseAt, baseEnd, at, at + length) === 0
}

/** A record where it lies; reads only what is asked for. */
export class RecordView {
  readonly #buffer: Buffer
  readonly #flags: number
  readonly #nameAt: number
  readonly #nameBytes: number
  readonly #listBytes: number
  readonly #restBytes: number

  constructor(buffer: Buffer, offset: number) {
    this.#buffer = buffer
    this.#flags = buffer.readUInt8(offset)
    this.#nameBytes = buffer.readUInt16LE(offset + 1)
    this.#listBytes = buffer.readUInt32LE(offset + 3)
    const hasRest = (this.#flags & HAS_REST) !== 0
    this.#restBytes = hasRest ? buffer.readUInt32LE(offset + HEAD_BYTES) : 0
    this.#nameAt = offset + HEAD_BYTES + (hasRest ? 4 : 0)
  }

  get baseName(): string {
    const end = this.#nameAt + this.#nameBytes
    const utf16 = (this.#flags & NAME_IS_UTF16) !== 0
    return this.#buffer.toString(utf16 ? 'utf16le' : 'utf8', this.#nameAt, end)
  }

  /** The chunk list's bytes, in place. */
  get list(): Buffer {
    const at = this.#nameAt + this.#nameBytes
    return this.#buffer.subarray(at, at + this.#listBytes)
  }

  get hasRest(): boolean {
    return this.#restBytes > 0
  }

  get rest(): Rest {
    if (this.#restBytes === 0) return NOTHING
    const at = this.#nameAt + this.#nameBytes + this.#listBytes
    return JSON.parse(this.#buffer.toString('utf8', at, at + this.#restBytes)) as Rest
  }

  /** What the record takes in its heap. */
  get heapBytes(): number {
    const rest = this.#restBytes === 0 ? 0 : 4 + this.#restBytes
    return roundedUp(HEAD_BYTES + rest + this.#nameBytes + this.#listBytes)
  }
}

/** Reads an entry's name from the bytes of its line, and holds it to what names may be. */
import { isUtf8 } from 'node:buffer'

/** No file system has longer names. */
export const MAX_PART_BYTES = 4096

const QUOTE = 0x22
const DOT = 0x2e
const SLASH = 0x2f
const BACKSLASH = 0x5c
/** Below are control characters, which JSON escapes. */
const SPACE = 0x20
const FIRST_BEYOND_ASCII = 0x80

export class NameReader {
  bytes: Buffer = Buffer.alloc(0)
  /** Path of the directory in which the entry lies; '' for a declared path itself. */
  directory = ''
  /** Where the name's last part begins, and ends. */
  baseAt = 0
  baseEnd = 0
  /** The last part has nothing but ASCII. */
  isAscii = true
  /** Where the directory of the last name stands, with the slash at its end. */
  #directoryBytes: Buffer = Buffer.alloc(0)
  #directoryAt = 0
  #directoryLength = 0
  #isAllAscii = true

  /** Reads the name that begins there, up to its quotation mark; false: it has escapes, or is none that may be. */
  read(bytes: Buffer, from: number): boolean {
    const known = this.#isInSameDirectory(bytes, from) ? from + this.#directoryLength : from
    let base = known
    this.#isAllAscii = true
    let end = this.#endOfPart(bytes, base)
    if (known === from && !isRoot(bytes, from, end)) return false
    while (bytes[end] === SLASH) {
      if (!isPart(bytes, base, end)) return false
      base = end + 1
      end = this.#endOfPart(bytes, base)
    }
    if (bytes[end] !== QUOTE || !isPart(bytes, base, end)) return false
    if (!this.#isAllAscii && !isUtf8(bytes.subarray(known, end))) return false
    if (base !== known || base === from) this.#enter(bytes, from, base)
    this.bytes = bytes
    this.baseAt = base
    this.baseEnd = end
    return true
  }

  get baseName(): string {
    return this.bytes.toString('utf8', this.baseAt, this.baseEnd)
  }

  #isInSameDirectory(bytes: Buffer, from: number): boolean {
    const before = this.#directoryBytes
    const offset = this.#directoryAt - from
    for (let at = from; at < from + this.#directoryLength; at += 1)
      if (bytes[at] !== before[at + offset]) return false
    return true
  }

  #enter(bytes: Buffer, from: number, base: number): void {
    this.directory = bytes.toString('utf8', from, Math.max(from, base - 1))
    this.#directoryBytes = bytes
    this.#directoryAt = from
    this.#directoryLength = base - from
  }

  #endOfPart(bytes: Buffer, from: number): number {
    let at = from
    let isAscii = true
    for (; at < bytes.length; at += 1) {
      const byte = bytes[at] as number
      if (byte === SLASH || byte === QUOTE || byte === BACKSLASH || byte < SPACE) break
      if (byte >= FIRST_BEYOND_ASCII) isAscii = false
    }
    this.isAscii = isAscii
    if (!isAscii) this.#isAllAscii = false
    return at
  }
}

/** Not empty, not `.` or `..`, and no longer than names are. */
function isPart(bytes: Buffer, from: number, end: number): boolean {
  const length = end - from
  if (length === 0 || length > MAX_PART_BYTES) return false
  if (length > 2 || bytes[from] !== DOT) return true
  return length === 2 && bytes[from + 1] !== DOT
}

/** The number of a declared path: up to five digits, the first no zero unless it is alone. */
function isRoot(bytes: Buffer, from: number, end: number): boolean {
  if (end - from > 5 || (end - from > 1 && bytes[from] === 0x30)) return false
  for (let at = from; at < end; at += 1) {
    const byte = bytes[at] as number
    if (byte < 0x30 || byte > 0x39) return false
  }
  return true
}

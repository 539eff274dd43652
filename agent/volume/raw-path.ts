/**
 * Names of files are bytes, not text. Here they are strings all the same: bytes that are not UTF-8 stand as lone
 * surrogates U+DC80–U+DCFF (PEP 383), which JSON keeps, and turn into the same bytes again at the file system.
 */
import { isUtf8 } from 'node:buffer'

/** A name as the file system gave it, as a string. */
export function decodeName(bytes: Buffer): string {
  if (isUtf8(bytes)) return bytes.toString()
  let name = ''
  for (let i = 0; i < bytes.length;) {
    const length = [1, 2, 3, 4].find(
      (n) => i + n <= bytes.length && isUtf8(bytes.subarray(i, i + n)),
    )
    if (length === undefined) name += String.fromCharCode(0xdc00 + bytes.readUInt8(i++))
    else {
      name += bytes.toString('utf8', i, i + length)
      i += length
    }
  }
  return name
}

/** A path for the calls of node:fs: a string, or bytes where it is not UTF-8. */
export function fsPath(path: string): string | Buffer {
  return path.isWellFormed() ? path : encodeName(path)
}

/** The bytes of a name or path. */
export function encodeName(path: string): Buffer {
  if (path.isWellFormed()) return Buffer.from(path)
  return Buffer.concat(Array.from(path, encodeCharacter))
}

function encodeCharacter(character: string): Buffer {
  const code = character.charCodeAt(0)
  const isEscapedByte = character.length === 1 && code >= 0xdc80 && code <= 0xdcff
  return isEscapedByte ? Buffer.from([code - 0xdc00]) : Buffer.from(character)
}

/** For people: bytes that are no text show as `\xNN`. */
export function printableName(name: string): string {
  return name.isWellFormed()
    ? name
    : name.replaceAll(
        /[\udc80-\udcff](?<![\ud800-\udbff][\udc00-\udfff])/g,
        (c) => `\\x${(c.charCodeAt(0) - 0xdc00).toString(16)}`,
      )
}

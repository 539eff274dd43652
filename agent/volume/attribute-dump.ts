/**
 * The text by which getfattr and setfattr speak of attributes:
 *
 *   # file: /data/a\012b
 *   user.origin=0saHR0cA==
 *   (an empty line)
 *
 * Names are bytes, in which a line's end, `\` and, in an attribute's name, `=` stand as `\` and three octal digits.
 */
import { decodeName, encodeName } from './raw-path.ts'

/** An attribute's value in base64, by its name; in the order of names. */
export type Attributes = Readonly<Record<string, string>>

export type OnAttribute = (location: string, name: string, value: string) => void

const FILE = '# file: '
const BASE64 = '0s'
const LINE_END = 0x0a
const BACKSLASH = 0x5c

/** Takes a dump piece by piece, and holds no more of it than a line. */
export class DumpReader {
  readonly #onAttribute: OnAttribute
  #rest: Buffer[] = []
  #location = ''

  constructor(onAttribute: OnAttribute) {
    this.#onAttribute = onAttribute
  }

  push(piece: Buffer): void {
    let from = 0
    for (let at = piece.indexOf(LINE_END); at >= 0; at = piece.indexOf(LINE_END, from)) {
      this.#line(Buffer.concat([...this.#rest, piece.subarray(from, at)]))
      this.#rest = []
      from = at + 1
    }
    if (from < piece.length) this.#rest.push(Buffer.from(piece.subarray(from)))
  }

  #line(line: Buffer): void {
    const text = line.toString('latin1')
    if (text.startsWith(FILE)) this.#location = unquote(line.subarray(FILE.length))
    else if (text !== '') {
      const end = text.includes('=') ? text.indexOf('=') : text.length
      const value = text.slice(end + 1)
      const base64 = value.startsWith(BASE64) ? value.slice(BASE64.length) : ''
      this.#onAttribute(this.#location, unquote(line.subarray(0, end)), base64)
    }
  }
}

/** A file's part of a dump. A version is not trusted: whatever its names and values hold, they stay names and values. */
export function formatDump(location: string, attributes: Attributes): Buffer {
  const lines = Object.entries(attributes).map(([name, value]) => {
    const base64 = Buffer.from(value, 'base64').toString('base64')
    return `${quote(name).replaceAll('=', octal)}=${BASE64}${base64}\n`
  })
  return encodeName(`${FILE}${quote(location)}\n${lines.join('')}\n`)
}

function quote(name: string): string {
  return name.replaceAll(/[\n\r\\]/g, octal)
}

function octal(character: string): string {
  return `\\${character.charCodeAt(0).toString(8).padStart(3, '0')}`
}

/** A name or path as a dump has it. */
export function unquote(quoted: Buffer): string {
  if (!quoted.includes(BACKSLASH)) return decodeName(quoted)
  const bytes = quoted
    .toString('latin1')
    .replaceAll(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(parseInt(digits, 8)))
  return decodeName(Buffer.from(bytes, 'latin1'))
}

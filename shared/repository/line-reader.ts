/** Reads a line whose parts are known beforehand from its bytes: texts that must stand there, and numbers between them. */

const ZERO = 0x30
const NINE = 0x39
/** What more digits say may be no safe integer. */
const COUNT_DIGITS = 15
/** 10^9 of one count fit into 32 bits. */
const LOW_DIGITS = 9
/** Seconds of nanoseconds that fit into 64 bits with a sign. */
const MAX_SECONDS = 9_223_372_035
/** Of a number of 64 bits, which of its two halves in memory counts less. */
const LOW = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1 ? 0 : 1

export class LineReader {
  bytes: Buffer = Buffer.alloc(0)
  at = 0
  /** Nothing has been missing yet. */
  isSound = true

  begin(bytes: Buffer, at: number): void {
    this.bytes = bytes
    this.at = at
    this.isSound = true
  }

  /** Is this what comes next? If so it has been read. */
  takes(expected: Uint8Array): boolean {
    const { bytes, at } = this
    for (let i = 0; i < expected.length; i += 1) if (bytes[at + i] !== expected[i]) return false
    this.at = at + expected.length
    return true
  }

  text(expected: Uint8Array): void {
    if (!this.takes(expected)) this.isSound = false
  }

  /** A whole number as JSON has it, zero or more. */
  count(): number {
    const from = this.at
    const end = this.#endOfDigits()
    const digits = end - from
    if (digits === 0 || digits > COUNT_DIGITS || (digits > 1 && this.bytes[from] === ZERO))
      this.isSound = false
    return this.#number(from, end)
  }

  /** Digits of a number below 2^63, which is put down as 64 bits: without an object for it. */
  long(into: Uint32Array, index: number): void {
    const from = this.at
    const end = this.#endOfDigits()
    const middle = Math.max(from, end - LOW_DIGITS)
    const seconds = this.#number(from, middle)
    if (end === from || middle - from > COUNT_DIGITS || seconds > MAX_SECONDS) this.isSound = false
    // Below 2^47, however large the seconds: they are multiplied in two parts.
    const tops = Math.floor(seconds / 65_536)
    const upper = tops * 1e9
    const high = Math.floor(upper / 65_536)
    const lower = (seconds - tops * 65_536) * 1e9 + this.#number(middle, end)
    const low = (upper - high * 65_536) * 65_536 + lower
    into[2 * index + LOW] = low >>> 0
    into[2 * index + 1 - LOW] = high + Math.floor(low / 2 ** 32)
  }

  /** Hex digits, as lower case has them, of so many bytes. */
  hex(into: Buffer, offset: number, length: number): void {
    const { bytes, at } = this
    this.at = at + 2 * length
    if (this.at > bytes.length) this.isSound = false
    if (!this.isSound) return
    let all = 0
    for (let i = 0, from = at; i < length; i += 1, from += 2) {
      const high = HEX[bytes[from] as number] as number
      const byte = (high << 4) | (HEX[bytes[from + 1] as number] as number)
      all |= byte
      into[offset + i] = byte
    }
    if (all < 0) this.isSound = false
  }

  #endOfDigits(): number {
    const { bytes } = this
    let at = this.at
    for (let byte = bytes[at] as number; byte >= ZERO && byte <= NINE; byte = bytes[at] as number)
      at += 1
    this.at = at
    return at
  }

  #number(from: number, end: number): number {
    let number = 0
    for (let i = from; i < end; i += 1) number = number * 10 + (this.bytes[i] as number) - ZERO
    return number
  }
}

const HEX = Int8Array.from({ length: 256 }, (_, byte) =>
  '0123456789abcdef'.indexOf(String.fromCharCode(byte)),
)

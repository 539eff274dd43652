/** A DNS query and its answer (RFC 1035), as far as resolvers of pods ask: one question, addresses of version 4. */

export interface Question {
  readonly name: string
  readonly type: number
  /** Where the question ends in the query. */
  readonly end: number
}

const HEADER_BYTES = 12
const TYPE_A = 1
const CLASS_IN = 1
/** Seconds for which an answer may be kept. */
const KEEP = 1
const RESPONSE = 0x8480
const RECURSION_DESIRED = 0x0100
const FAILED = 2
const NO_SUCH_NAME = 3
/** A pointer to the name of the question. */
const SAME_NAME = [0xc0, HEADER_BYTES]

/** Undefined for what is no whole query. */
export function readQuestion(query: Buffer): Question | undefined {
  const labels: string[] = []
  let at = HEADER_BYTES
  for (;;) {
    const length = query[at]
    if (length === undefined || length > 63) return undefined
    at += 1
    if (length === 0) break
    labels.push(query.toString('latin1', at, at + length))
    at += length
  }
  if (at + 4 > query.length) return undefined
  return { name: labels.join('.').toLowerCase(), type: query.readUInt16BE(at), end: at + 4 }
}

/** @param addresses undefined: no such name; empty: none of that kind. */
export function answerTo(
  query: Buffer,
  { type, end }: Question,
  addresses: readonly string[] | undefined | 'failed',
): Buffer {
  const found = Array.isArray(addresses) && type === TYPE_A ? (addresses as string[]) : []
  const code = addresses === 'failed' ? FAILED : addresses === undefined ? NO_SUCH_NAME : 0
  const header = Buffer.alloc(HEADER_BYTES)
  query.copy(header, 0, 0, 2)
  header.writeUInt16BE(RESPONSE | (query.readUInt16BE(2) & RECURSION_DESIRED) | code, 2)
  header.writeUInt16BE(1, 4)
  header.writeUInt16BE(found.length, 6)
  const records = found.map((address) => {
    const bytes = address.split('.').map(Number)
    return Buffer.from([...SAME_NAME, 0, TYPE_A, 0, CLASS_IN, 0, 0, 0, KEEP, 0, 4, ...bytes])
  })
  return Buffer.concat([header, query.subarray(HEADER_BYTES, end), ...records])
}

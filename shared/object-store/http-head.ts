/** The head of an HTTP/1.1 answer, read strictly: whatever is unusual is left to Node's own client. */

export interface ResponseHead {
  readonly statusCode: number
  /** By names in lower case. */
  readonly headers: Record<string, string>
  /** What follows the head. */
  readonly bodyBytes: number
  /** The connection can be asked again after the body. */
  readonly staysOpen: boolean
}

/** Behind the last line of a head. */
export const END_OF_HEAD = '\r\n\r\n'

const STATUS_LINE = /^HTTP\/1\.1 ([2-5]\d\d)(?: [^\r\n]*)?$/
const HEADER_LINE = /^([\w!#$%&'*+.^`|~-]+):[ \t]*([^\r\n\0]*?)[ \t]*$/
const LENGTH = /^\d{1,15}$/

/**
 * @param text all before `END_OF_HEAD`, a character for each byte.
 * Undefined for what is not understood, and for a body whose length is not said: interim answers, other codings.
 */
export function parseHead(text: string): ResponseHead | undefined {
  const [first = '', ...lines] = text.split('\r\n')
  const status = STATUS_LINE.exec(first)?.[1]
  const headers = headersOf(lines)
  if (status === undefined || headers === undefined) return undefined
  const { 'content-length': length = '', connection } = headers
  if ('transfer-encoding' in headers || !LENGTH.test(length)) return undefined
  return {
    statusCode: Number(status),
    headers,
    bodyBytes: Number(length),
    staysOpen: connection === undefined || connection.toLowerCase() === 'keep-alive',
  }
}

/** A name that comes twice has both values, as a list: which no length is. */
function headersOf(lines: readonly string[]): Record<string, string> | undefined {
  const headers = new Map<string, string>()
  for (const line of lines) {
    const [, written, value = ''] = HEADER_LINE.exec(line) ?? []
    if (written === undefined) return undefined
    const name = written.toLowerCase()
    const before = headers.get(name)
    headers.set(name, before === undefined ? value : `${before}, ${value}`)
  }
  return Object.fromEntries(headers)
}

/** The first 100 bytes of a database file, as SQLite's file format document gives them. */

export const HEADER_BYTES = 100
export const MIN_PAGE_BYTES = 512
/** Of payload: 64, 32 and 32, in each database. */
const FRACTIONS = Buffer.from([64, 32, 32])
const MAGIC = Buffer.from('SQLite format 3\0', 'latin1')

export interface DatabaseHeader {
  readonly pageBytes: number
  /** Changes with every transaction of a rollback journal; with a write-ahead log it may stay as it is. */
  readonly changeCounter: number
  /** Its content may lie in a write-ahead log. */
  readonly isLogged: boolean
}

/** @param firstBytes 16 bytes or more; fewer are no database. An encrypted database does not look like one. */
export function looksLikeDatabase(firstBytes: Buffer): boolean {
  return firstBytes.subarray(0, MAGIC.length).equals(MAGIC)
}

/** @param bytes the first `HEADER_BYTES` of a file. True of every database, and of hardly anything else. */
export function isDatabaseHeader(bytes: Buffer): boolean {
  const { pageBytes } = parseHeader(bytes)
  const isPageSize = pageBytes >= MIN_PAGE_BYTES && (pageBytes & (pageBytes - 1)) === 0
  const hasVersions = [18, 19].every((at) => bytes[at] === 1 || bytes[at] === 2)
  return (
    looksLikeDatabase(bytes) &&
    isPageSize &&
    hasVersions &&
    bytes.subarray(21, 24).equals(FRACTIONS)
  )
}

/** @param bytes `HEADER_BYTES` or more that look like a database's. */
export function parseHeader(bytes: Buffer): DatabaseHeader {
  const coded = bytes.readUInt16BE(16)
  return {
    pageBytes: coded === 1 ? 65_536 : coded,
    changeCounter: bytes.readUInt32BE(24),
    isLogged: bytes[19] === 2,
  }
}

/**
 * What each page of a database was when it was read last, in 16 bytes: 4 MiB for each GiB in pages of 4 KiB. Where
 * neither a log nor the file's times say what has changed (a log that was cut off, a rollback journal), these do, so
 * that pages are stored instead of whole windows.
 */
import { hash } from 'node:crypto'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { DatabaseSnapshot } from './database-image.ts'
import { WINDOW_BYTES } from './page-extents.ts'

const DIGEST_BYTES = 16

export interface PageDigests {
  readonly pageBytes: number
  /** One after the other, from the first page on. */
  readonly bytes: Buffer
}

/** Those of a database of now `sizeBytes`, with room for what is to be noted. */
export function digestsFor(
  known: PageDigests | undefined,
  pageBytes: number,
  sizeBytes: number,
): PageDigests {
  const bytes = Buffer.alloc(Math.ceil(sizeBytes / pageBytes) * DIGEST_BYTES)
  if (known?.pageBytes === pageBytes) known.bytes.copy(bytes)
  return { pageBytes, bytes }
}

/** Notes the pages that `read` consists of, from `position` on. */
export function noteDigests({ pageBytes, bytes }: PageDigests, position: number, read: Buffer) {
  for (let at = 0; at < read.length; at += pageBytes) {
    // By way of hex: a buffer for each page costs half as much again as hashing it.
    const digest = hash('sha256', read.subarray(at, at + pageBytes), 'hex')
    bytes.write(digest, ((position + at) / pageBytes) * DIGEST_BYTES, DIGEST_BYTES, 'hex')
  }
}

/** Numbers, from 0, of known pages that are others now; what lies beyond them is not looked at. Reads all of it. */
export async function pagesThatDiffer(
  snapshot: DatabaseSnapshot,
  { pageBytes, bytes }: PageDigests,
): Promise<number[]> {
  const differ: number[] = []
  const end = Math.min(snapshot.sizeBytes, (bytes.length / DIGEST_BYTES) * pageBytes)
  const window = Buffer.alloc(WINDOW_BYTES)
  const now = digestsFor(undefined, pageBytes, WINDOW_BYTES)
  for (let position = 0; position < end; position += WINDOW_BYTES) {
    const read = window.subarray(0, Math.min(WINDOW_BYTES, end - position))
    snapshot.read(read, position)
    noteDigests(now, 0, read)
    const first = position / pageBytes
    for (let page = 0; page * pageBytes < read.length; page += 1)
      if (!isSameDigest(now.bytes, page, bytes, first + page)) differ.push(first + page)
    await nextTurn()
  }
  return differ
}

function isSameDigest(now: Buffer, page: number, known: Buffer, knownPage: number): boolean {
  const at = page * DIGEST_BYTES
  const knownAt = knownPage * DIGEST_BYTES
  return now.compare(known, knownAt, knownAt + DIGEST_BYTES, at, at + DIGEST_BYTES) === 0
}

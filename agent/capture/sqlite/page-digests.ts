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
  for (let at = 0; at < read.length; at += pageBytes)
    digestOf(read.subarray(at, at + pageBytes)).copy(
      bytes,
      ((position + at) / pageBytes) * DIGEST_BYTES,
      0,
      DIGEST_BYTES,
    )
}

/** Numbers, from 0, of known pages that are others now; what lies beyond them is not looked at. Reads all of it. */
export async function pagesThatDiffer(
  snapshot: DatabaseSnapshot,
  { pageBytes, bytes }: PageDigests,
): Promise<number[]> {
  const differ: number[] = []
  const end = Math.min(snapshot.sizeBytes, (bytes.length / DIGEST_BYTES) * pageBytes)
  const window = Buffer.alloc(WINDOW_BYTES)
  for (let position = 0; position < end; position += WINDOW_BYTES) {
    const read = window.subarray(0, Math.min(WINDOW_BYTES, end - position))
    snapshot.read(read, position)
    for (let at = 0; at < read.length; at += pageBytes) {
      const page = (position + at) / pageBytes
      const known = bytes.subarray(page * DIGEST_BYTES, (page + 1) * DIGEST_BYTES)
      const now = digestOf(read.subarray(at, at + pageBytes))
      if (now.compare(known, 0, DIGEST_BYTES, 0, DIGEST_BYTES) !== 0) differ.push(page)
    }
    await nextTurn()
  }
  return differ
}

function digestOf(page: Buffer): Buffer {
  return hash('sha256', page, 'buffer')
}

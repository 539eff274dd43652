/**
 * What a present database has of the chunks that a version wants of it. Chunks of a database lie at fixed places, so
 * each is looked for at its own, whole: only a whole chunk has an id that can be compared.
 */
import { closeSync, constants, fstatSync, openSync } from 'node:fs'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Vault } from '../../shared/encryption/vault.ts'
import { isNamed } from '../../shared/encryption/vault.ts'
import type { ChunkRef, StoredChunk } from '../../shared/repository/entry.ts'
import { bytesOf, isHole } from '../../shared/repository/entry.ts'
import { readFully } from '../capture/sqlite/read-fully.ts'
import { fsPath } from '../volume/raw-path.ts'

interface PlacedChunk {
  readonly position: number
  readonly chunk: StoredChunk
}

/**
 * The present file as chunks that are wanted, and holes for all that is something else. Undefined where it cannot be
 * read, or where holes are wanted, too: those were never a database's chunks at fixed places.
 */
export async function presentChunks(
  location: string,
  wanted: readonly ChunkRef[],
  vault: Vault,
): Promise<readonly ChunkRef[] | undefined> {
  if (wanted.some(isHole)) return undefined
  const fd = open(location)
  if (fd === undefined) return undefined
  try {
    const sizeBytes = Number(fstatSync(fd, { bigint: true }).size)
    const found: PlacedChunk[] = []
    for (const place of placesOf(wanted)) {
      if (isThere(fd, sizeBytes, place, vault)) found.push(place)
      await nextTurn()
    }
    return filledUp(found, sizeBytes)
  } finally {
    closeSync(fd)
  }
}

function isThere(
  fd: number,
  sizeBytes: number,
  { position, chunk }: PlacedChunk,
  vault: Vault,
): boolean {
  if (position < 0 || position + chunk.lengthBytes > sizeBytes) return false
  const bytes = Buffer.alloc(chunk.lengthBytes)
  return readFully(fd, bytes, position) === bytes.length && isNamed(vault, bytes, chunk.id)
}

function open(location: string): number | undefined {
  try {
    const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK
    return openSync(fsPath(location), flags)
  } catch {
    return undefined
  }
}

/** Each chunk as a whole, once: where it lay before pages beside its slices were replaced. */
function placesOf(wanted: readonly ChunkRef[]): PlacedChunk[] {
  const places = new Map<string, PlacedChunk>()
  let at = 0
  for (const reference of wanted) {
    if (!isHole(reference)) {
      const { slice, ...chunk } = reference
      const position = at - (slice?.from ?? 0)
      places.set(`${chunk.id}@${position}`, { position, chunk })
    }
    at += bytesOf(reference)
  }
  return [...places.values()].toSorted((a, b) => a.position - b.position)
}

function filledUp(found: readonly PlacedChunk[], sizeBytes: number): ChunkRef[] {
  const chunks: ChunkRef[] = []
  let at = 0
  for (const { position, chunk } of found) {
    if (position < at) continue
    if (position > at) chunks.push({ hole: position - at })
    chunks.push(chunk)
    at = position + chunk.lengthBytes
  }
  if (at < sizeBytes) chunks.push({ hole: sizeBytes - at })
  return chunks
}

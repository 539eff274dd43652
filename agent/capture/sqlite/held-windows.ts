/** The windows of a database's held references that what is read now can be compared with, without the repository. */
import type { Vault } from '../../../shared/encryption/vault.ts'
import { isNamed } from '../../../shared/encryption/vault.ts'
import type { ChunkRef, StoredChunk } from '../../../shared/repository/entry.ts'
import { bytesOf, isHole } from '../../../shared/repository/entry.ts'
import { WINDOW_BYTES } from './page-extents.ts'

/** By their number: those that consist of chunks as a whole. The id of a chunk says nothing of a slice of it. */
export type HeldWindows = ReadonlyMap<number, readonly StoredChunk[]>

export function wholeWindows(held: readonly ChunkRef[]): HeldWindows {
  const found = new Map<number, StoredChunk[]>()
  const others = new Set<number>()
  let at = 0
  for (const chunk of held) {
    const first = Math.floor(at / WINDOW_BYTES)
    at += bytesOf(chunk)
    const last = Math.floor((at - 1) / WINDOW_BYTES)
    if (isHole(chunk) || chunk.slice !== undefined || first !== last)
      for (let window = first; window <= last; window += 1) others.add(window)
    else found.set(first, [...(found.get(first) ?? []), chunk])
  }
  for (const window of others) found.delete(window)
  return found
}

/** Are these the bytes of the window that begins at `position`, as it is held? */
export function isHeld(windows: HeldWindows, position: number, bytes: Buffer, vault: Vault) {
  const chunks = windows.get(position / WINDOW_BYTES)
  if (chunks === undefined) return false
  let at = 0
  for (const { id, lengthBytes } of chunks) {
    const part = bytes.subarray(at, at + lengthBytes)
    if (part.length < lengthBytes || !isNamed(vault, part, id)) return false
    at += lengthBytes
  }
  return at === bytes.length
}

import { readSync } from 'node:fs'

/** Fills `into` from `position` on; the bytes that it got, fewer only at the file's end. */
export function readFully(fd: number, into: Buffer, position: number): number {
  let filled = 0
  while (filled < into.length) {
    const n = readSync(fd, into, filled, into.length - filled, position + filled)
    if (n === 0) break
    filled += n
  }
  return filled
}

import { randomFillSync } from 'node:crypto'
import { closeSync, openSync, writeSync } from 'node:fs'
import path from 'node:path'

const FILES = 4
const PART = Buffer.alloc(2 ** 20)

/** Random bytes in four files. */
export function makeIncompressible(at: string, bytes: number): void {
  for (let file = 0; file < FILES; file += 1) {
    const fd = openSync(path.join(at, `random-${file}.bin`), 'w')
    for (let left = bytes / FILES; left > 0; left -= PART.length)
      writeSync(fd, randomFillSync(PART), 0, Math.min(left, PART.length))
    closeSync(fd)
  }
}

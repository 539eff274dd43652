/** Files under a name of their own, until all of their bytes are there. */
import { randomBytes } from 'node:crypto'
import { closeSync, constants, openSync, writeSync } from 'node:fs'
import { temporaryName } from '../volume/layout.ts'
import { fsPath } from '../volume/raw-path.ts'

/** A name beside a file's own. They are drawn once for each thread, and counted: drawing each would cost more than a small file itself. */
export function temporaryBeside(location: string): string {
  count = (count + 1) % 2 ** 32
  const name = temporaryName(THREAD_ID + count.toString(16).padStart(8, '0'))
  return `${location.slice(0, location.lastIndexOf('/'))}/${name}`
}

const THREAD_ID = randomBytes(4).toString('hex')
let count = 0

/** Opens a file that is not there yet, for its owner alone, unless a mode is given. */
export function openNew(path: string, mode = 0o600): number {
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW
  return openSync(fsPath(path), flags, mode)
}

/** Makes an empty one. */
export function createTemporary(path: string): void {
  closeSync(openNew(path))
}

export function openTemporary(path: string): number {
  return openSync(fsPath(path), constants.O_WRONLY | constants.O_NOFOLLOW)
}

export function writeAll(fd: number, bytes: Buffer, position: number): void {
  for (let done = 0; done < bytes.length;)
    done += writeSync(fd, bytes, done, bytes.length - done, position + done)
}

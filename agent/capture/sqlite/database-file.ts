/** The database file itself, read by our own descriptor of it. */
import type { BigIntStats } from 'node:fs'
import { fstatSync } from 'node:fs'
import type { DatabaseHeader } from './header.ts'
import { HEADER_BYTES, parseHeader } from './header.ts'
import type { DatabasePosition, FileState } from './position.ts'
import { readFully } from './read-fully.ts'

export function readHeader(fd: number): DatabaseHeader {
  const bytes = Buffer.alloc(HEADER_BYTES)
  readFully(fd, bytes, 0)
  return parseHeader(bytes)
}

/** What lies beyond the file's end reads as zeros, as it does for SQLite. */
export function readPadded(fd: number, into: Buffer, position: number): void {
  into.fill(0, readFully(fd, into, position))
}

export function fileState(fd: number): FileState {
  const stat = fstatSync(fd, { bigint: true })
  return {
    sizeBytes: Number(stat.size),
    mtimeNs: String(stat.mtimeNs),
    ctimeNs: String(stat.ctimeNs),
    changeCounter: readHeader(fd).changeCounter,
  }
}

export function identity(fd: number): Pick<DatabasePosition, 'device' | 'inode'> {
  const { dev, ino }: BigIntStats = fstatSync(fd, { bigint: true })
  return { device: String(dev), inode: String(ino) }
}

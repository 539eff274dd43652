/** What kind of entry something in a volume is, or why it is none. */
import type { BigIntStats } from 'node:fs'
import type { Entry } from '../../shared/repository/entry.ts'

export function typeOf(stat: BigIntStats): Entry['type'] | undefined {
  if (stat.isFile()) return 'file'
  if (stat.isDirectory()) return 'directory'
  return stat.isSymbolicLink() ? 'symlink' : undefined
}

export function specialType(stat: BigIntStats): string {
  if (stat.isSocket()) return 'socket'
  if (stat.isFIFO()) return 'FIFO'
  return 'device'
}

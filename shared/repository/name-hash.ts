/** An entry's name by its parts: the directory, by number in a table, and the last part. */
import type { NameReader } from './name-reader.ts'

const FNV_OFFSET = 0x811c9dc5
const FNV_PRIME = 0x01000193

/** The directory's path and the last part. */
export function splitName(name: string): [string, string] {
  const slash = name.lastIndexOf('/')
  return slash < 0 ? ['', name] : [name.slice(0, slash), name.slice(slash + 1)]
}

/** FNV-1a over the directory's number and the name's code units. */
export function hashName(directory: number, base: string): number {
  let hash = Math.imul(FNV_OFFSET ^ directory, FNV_PRIME)
  for (let i = 0; i < base.length; i += 1) hash = Math.imul(hash ^ base.charCodeAt(i), FNV_PRIME)
  return (hash ^ (hash >>> 15)) >>> 0
}

/** The same of a name that was read. */
export function hashReadName(directory: number, name: NameReader): number {
  if (!name.isAscii) return hashName(directory, name.baseName)
  const { bytes, baseAt, baseEnd } = name
  let hash = Math.imul(FNV_OFFSET ^ directory, FNV_PRIME)
  for (let at = baseAt; at < baseEnd; at += 1)
    hash = Math.imul(hash ^ (bytes[at] as number), FNV_PRIME)
  return (hash ^ (hash >>> 15)) >>> 0
}

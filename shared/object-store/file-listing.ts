import { lstat, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { errorCode } from './file-error.ts'
import { isKey } from './object-key.ts'
import type { ObjectInfo } from './object-store.ts'

/**
 * The objects whose keys begin with `prefix` and come after `after`, in byte order. Folders are entered, and files
 * looked at, only when their turn comes, so that who stops early has paid for no more than that.
 */
async function* walk(
  root: string,
  prefix: string,
  after = '',
): AsyncGenerator<ObjectInfo, void, undefined> {
  const folder = prefix.slice(0, prefix.lastIndexOf('/') + 1)
  for (const key of await sortedEntries(root, folder)) {
    if (!key.startsWith(prefix)) continue
    if (key.endsWith('/')) {
      // Every key below a folder is greater than `after`, or some are, or none is.
      if (key > after || after.startsWith(key)) yield* walk(root, key, after)
    } else if (key > after) {
      const info = await describe(root, key)
      if (info !== undefined) yield info
    }
  }
}

export async function listObjects(
  root: string,
  prefix: string,
  { after, limit = Infinity }: { after?: string; limit?: number },
): Promise<ObjectInfo[]> {
  const found: ObjectInfo[] = []
  if (limit <= 0) return found
  for await (const info of walk(root, prefix, after)) {
    found.push(info)
    if (found.length >= limit) break
  }
  return found
}

/** A folder is there only as long as an object is in it, as in S3. */
export async function listFolders(root: string, prefix: string): Promise<string[]> {
  const names: string[] = []
  for (const key of await sortedEntries(root, prefix)) {
    if (!key.endsWith('/')) continue
    const objects = await listObjects(root, key, { limit: 1 })
    if (objects.length > 0) names.push(key.slice(prefix.length, -1))
  }
  return names.toSorted(inByteOrder)
}

/**
 * What a folder holds, as keys in byte order; its folders end in a slash. With that slash the order is that of all
 * keys below them: `a-b` comes before `a/b`.
 */
async function sortedEntries(root: string, folder: string): Promise<string[]> {
  const entries = await readdir(join(root, folder), { withFileTypes: true }).catch(nothingIfAbsent)
  return entries
    .filter((entry) => isKey(`${folder}${entry.name}`) && (entry.isFile() || entry.isDirectory()))
    .map((entry) => `${folder}${entry.name}${entry.isDirectory() ? '/' : ''}`)
    .toSorted(inByteOrder)
}

/** Keys are ASCII: the order of characters is that of bytes. */
export function inByteOrder(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0
}

/** Undefined when it was deleted since its folder was read. */
async function describe(root: string, key: string): Promise<ObjectInfo | undefined> {
  try {
    const { size, mtime } = await lstat(join(root, key))
    return { key, sizeBytes: size, modifiedAt: mtime }
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined
    throw error
  }
}

function nothingIfAbsent(error: unknown): [] {
  if (errorCode(error) === 'ENOENT') return []
  throw error
}

/**
 * Objects as files of one directory. To create one: write it to a hidden folder, sync it, give it its name by a hard
 * link (which exactly one of many can do), sync the folder of the name, take the hidden name away.
 */
import { randomUUID } from 'node:crypto'
import { link, lstat, open, readdir, unlink, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { checkRange, resolveRange, roomIn, type ByteSpan } from './byte-range.ts'
import { parentOf, syncFolder, type DurableFolders } from './durable-folders.ts'
import { errorCode } from './file-error.ts'
import {
  StoreRefusedError,
  UnreachableError,
  type ByteRange,
  type StoredObject,
} from './object-store.ts'

/** Hidden, because no part of a key begins with a dot. */
const UNFINISHED = '.unfinished'
/** What a killed writer left is removed after this time; a writer slower than that begins again. */
const LEFT_OVER_MS = 24 * 60 * 60 * 1000
/** Somebody may take a folder away between two steps: how often to begin again. */
const TRIES = 5

export async function createObject(
  root: string,
  folders: DurableFolders,
  key: string,
  body: Buffer,
): Promise<'created' | 'exists'> {
  for (let tries = 1; ; tries++) {
    try {
      return await createOnce(root, folders, key, body)
    } catch (error) {
      if (errorCode(error) !== 'ENOENT' || tries === TRIES) throw error
      folders.forget()
    }
  }
}

async function createOnce(
  root: string,
  folders: DurableFolders,
  key: string,
  body: Buffer,
): Promise<'created' | 'exists'> {
  const path = join(root, key)
  await folders.ensure(parentOf(key))
  await folders.ensure(UNFINISHED)
  const isCreated = !(await isTaken(path)) && (await writeAndLink(root, path, body))
  // Also for `exists`: its creator may not have come to this step, and it is relied on from now on.
  await syncFolder(join(root, parentOf(key)))
  return isCreated ? 'created' : 'exists'
}

/** False when another was first. */
async function writeAndLink(root: string, path: string, body: Buffer): Promise<boolean> {
  const unfinished = join(root, UNFINISHED, randomUUID())
  try {
    await writeDurably(unfinished, body)
    await link(unfinished, path)
    return true
  } catch (error) {
    if (errorCode(error) === 'EEXIST' && (await isTaken(path))) return false
    throw error
  } finally {
    // One that stays is removed by `removeLeftOvers`, and harms nobody until then.
    await unlink(unfinished).catch(() => undefined)
  }
}

async function writeDurably(path: string, body: Buffer): Promise<void> {
  const handle = await open(path, 'wx')
  try {
    await handle.writeFile(body)
    await handle.sync()
  } finally {
    await handle.close()
  }
}

async function isTaken(path: string): Promise<boolean> {
  const found = await lstat(path).catch(ignoreAbsent)
  if (found?.isDirectory() === true)
    throw new StoreRefusedError(
      `cannot create ${path}: it is a folder; no key may be the folder of another`,
    )
  return found !== undefined
}

/** Removes what killed writers left a day ago or earlier. */
export async function removeLeftOvers(root: string): Promise<void> {
  const names = await readdir(join(root, UNFINISHED)).catch(() => [])
  for (const name of names) {
    const path = join(root, UNFINISHED, name)
    const found = await lstat(path).catch(() => undefined)
    if (found !== undefined && Date.now() - found.mtimeMs > LEFT_OVER_MS)
      await unlink(path).catch(() => undefined)
  }
}

export async function readObject(
  root: string,
  key: string,
  range: ByteRange | undefined,
): Promise<StoredObject | undefined> {
  checkRange(range)
  const path = join(root, key)
  const handle = await open(path, 'r').catch(ignoreAbsent)
  if (handle === undefined) return undefined
  try {
    const info = await handle.stat()
    if (!info.isFile()) return undefined
    const span = resolveRange(range, info.size)
    const lengthBytes = span.end - span.start
    const room = roomIn(range)
    const fits = room !== undefined && room.length >= lengthBytes
    const body = fits ? room.subarray(0, lengthBytes) : Buffer.allocUnsafe(lengthBytes)
    await readSpan(handle, span, body, path)
    return { body, modifiedAt: info.mtime, sizeBytes: info.size }
  } finally {
    await handle.close()
  }
}

/** @param body as long as the span. */
async function readSpan(
  handle: FileHandle,
  span: ByteSpan,
  body: Buffer,
  path: string,
): Promise<void> {
  for (let done = 0; done < body.length;) {
    const { bytesRead } = await handle.read(body, done, body.length - done, span.start + done)
    if (bytesRead === 0)
      throw new UnreachableError(
        `cannot read ${path}: it ends after ${span.start + done} bytes, ${span.end} were announced`,
      )
    done += bytesRead
  }
}

export async function deleteObject(root: string, key: string): Promise<void> {
  const path = join(root, key)
  const found = await lstat(path).catch(ignoreAbsent)
  if (found === undefined || found.isDirectory()) return
  await unlink(path).catch(ignoreAbsent)
  await syncFolder(join(root, parentOf(key))).catch(ignoreAbsent)
}

function ignoreAbsent(error: unknown): undefined {
  if (errorCode(error) !== 'ENOENT') throw error
}

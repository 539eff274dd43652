import { access, mkdir, open } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { errorCode } from './file-error.ts'

/** Makes folders below one root so that they outlast a power cut. */
export interface DurableFolders {
  /** Sees to it that a folder (`''` is the root, else `a/b`) is there, durably. */
  ensure(folder: string): Promise<void>
  /** Forgets what is known to be there: somebody took a folder away. */
  forget(): void
}

export function createDurableFolders(root: string): DurableFolders {
  // Folders whose own names are durable. One that another process has just made may not be so yet,
  // so each is synced once by everyone who uses it.
  const known = new Set<string>()

  async function ensure(folder: string): Promise<void> {
    if (known.has(folder)) return
    const path = join(root, folder)
    if (folder === '') await ensureRoot(path)
    else {
      await ensure(parentOf(folder))
      await mkdir(path).catch(ignoreExisting)
      await syncFolder(dirname(path))
    }
    known.add(folder)
  }

  return { ensure, forget: () => known.clear() }
}

/** The folder that a key or folder lies in, `''` for the root. */
export function parentOf(key: string): string {
  return key.slice(0, Math.max(key.lastIndexOf('/'), 0))
}

/** Makes the names within a folder durable. */
export async function syncFolder(path: string): Promise<void> {
  const handle = await open(path, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** Step by step: Node's recursive `mkdir` never ends where a file system makes no folders at all (`/proc`). */
async function ensureRoot(root: string): Promise<void> {
  try {
    await mkdir(root)
  } catch (error) {
    // Another process may have made it this moment; a parent that is not ours to read was not made by us.
    if (errorCode(error) === 'EEXIST') return syncFolder(dirname(root)).catch(() => undefined)
    if (errorCode(error) !== 'ENOENT' || (await isThere(dirname(root)))) throw error
    await ensureRoot(dirname(root))
    await mkdir(root).catch(ignoreExisting)
  }
  await syncFolder(dirname(root))
}

async function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}

function ignoreExisting(error: unknown): void {
  if (errorCode(error) !== 'EEXIST') throw error
}

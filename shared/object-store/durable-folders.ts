import { mkdir, open } from 'node:fs/promises'
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

async function ensureRoot(root: string): Promise<void> {
  const firstMade = await mkdir(root, { recursive: true })
  if (firstMade === undefined) return
  for (let path = root; path.length >= firstMade.length; path = dirname(path))
    await syncFolder(dirname(path))
}

function ignoreExisting(error: unknown): void {
  if (errorCode(error) !== 'EEXIST') throw error
}

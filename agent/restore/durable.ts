/** Makes a whole tree durable. Node has no syncfs: coreutils' `sync -f` calls it, and says when writing back failed. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { HoldfastError } from '../../shared/errors.ts'

const run = promisify(execFile)

/** True when whole file systems can be synced here; else each file is synced as it is written, which is slower. */
export async function canSyncFileSystems(): Promise<boolean> {
  try {
    await run('sync', ['--version'])
    return true
  } catch {
    return false // no coreutils (busybox has no --version): the slower way is always right
  }
}

/** Everything written below these directories is on disk after this. */
export async function syncFileSystems(directories: readonly string[]): Promise<void> {
  try {
    await run('sync', ['-f', '--', ...directories])
  } catch (cause) {
    throw new HoldfastError(`writing back to disk failed below ${directories.join(', ')}`, {
      cause,
    })
  }
}

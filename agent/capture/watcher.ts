/**
 * Hints that something below the declared paths may have changed; the scan is the truth. Directories only are
 * watched (a file's change shows as a raw event of its directory), so the cost follows their number.
 * When the system's limits are reached (ENOSPC, EMFILE) or anything else goes wrong, hints end and `reliable` is
 * false: whoever listens scans by the clock.
 */
import { lstatSync } from 'node:fs'
import path from 'node:path'
import { watch } from 'chokidar'
import type { Layout } from '../volume/layout.ts'

export interface Hints {
  /** False: changes may come without a hint. */
  readonly reliable: boolean
  onHint(listener: () => void): void
  close(): Promise<void>
}

export function watchLayout(layout: Layout, onDegraded: (why: string) => void): Hints {
  const listeners = new Set<() => void>()
  let reliable = true
  const hint = () => {
    for (const listener of listeners) listener()
  }
  const watcher = watch(
    layout.roots.map(({ at }) => watchedDirectory(at)),
    {
      ignoreInitial: true,
      followSymlinks: false,
      ignorePermissionErrors: true,
      ignored: (file, stats) =>
        (stats !== undefined && !stats.isDirectory()) || isExcluded(layout, file),
    },
  )
  watcher.on('raw', hint)
  // What changed between the first scan and the first watch had nobody to see it.
  watcher.on('ready', hint)
  watcher.on('addDir', hint)
  watcher.on('unlinkDir', hint)
  watcher.on('error', (error) => {
    reliable = false
    onDegraded(
      `watching failed (${(error as NodeJS.ErrnoException).code ?? String(error)}): scanning by the clock instead`,
    )
    hint()
  })
  return {
    get reliable() {
      return reliable
    },
    onHint: (listener) => listeners.add(listener),
    close: () => watcher.close(),
  }
}

/** A declared file is seen through its directory. */
function watchedDirectory(at: string): string {
  return lstatSync(at, { throwIfNoEntry: false })?.isFile() === true ? path.dirname(at) : at
}

function isExcluded(layout: Layout, file: string): boolean {
  return layout.roots.some(
    ({ at, excludes }) => file.startsWith(`${at}/`) && excludes(file.slice(at.length + 1)),
  )
}

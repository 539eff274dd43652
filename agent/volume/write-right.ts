import { chmodSync, lstatSync } from 'node:fs'
import { fsPath } from './raw-path.ts'

/**
 * The kernel lets nobody but root set attributes of what is read-only, its owner neither. Gives the owner the right to
 * write where it lacks, and returns how to take it back. What cannot be changed is left: the kernel then refuses.
 */
export function lendWriteRight(locations: Iterable<string>): () => void {
  const lent: [location: string, mode: number][] = []
  for (const location of locations) {
    const mode = modeOf(location)
    if (mode === undefined || (mode & OWNER_WRITES) !== 0) continue
    if (isChanged(location, mode | OWNER_WRITES)) lent.push([location, mode])
  }
  return () => {
    // An ACL that was set meanwhile has brought its own mode.
    for (const [location, mode] of lent)
      if (modeOf(location) === (mode | OWNER_WRITES)) chmodSync(fsPath(location), mode)
  }
}

const OWNER_WRITES = 0o200

/** Undefined for a link, which has no mode of its own, and for what has gone. */
function modeOf(location: string): number | undefined {
  const stat = lstatSync(fsPath(location), { throwIfNoEntry: false })
  return stat === undefined || stat.isSymbolicLink() ? undefined : stat.mode & 0o7777
}

function isChanged(location: string, mode: number): boolean {
  try {
    chmodSync(fsPath(location), mode)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EPERM') return false // another's, or immutable
    throw error
  }
}

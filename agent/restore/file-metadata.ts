/** Owner, mode and times of what a restore makes. */
import {
  chmodSync,
  fchmodSync,
  fchownSync,
  futimesSync,
  lchownSync,
  lstatSync,
  lutimesSync,
} from 'node:fs'
import type { Entry } from '../../shared/repository/entry.ts'
import { microseconds } from '../../shared/repository/entry.ts'
import { fsPath } from '../volume/raw-path.ts'

export type Metadata = Pick<Entry, 'mode' | 'uid' | 'gid' | 'mtimeNs'>

/** The owner could not be given back, for want of the right to: listed, never fatal. */
export type OnOwnerLost = () => void

/** Owner first: changing it clears setuid and setgid. */
export function setOpenFileMetadata(
  fd: number,
  metadata: Metadata,
  onOwnerLost: OnOwnerLost,
): void {
  chown(metadata, onOwnerLost, (uid, gid) => {
    fchownSync(fd, uid, gid)
  })
  fchmodSync(fd, metadata.mode)
  const mtime = seconds(metadata.mtimeNs)
  futimesSync(fd, mtime, mtime)
}

/** Where the owner cannot be given back, the group may be. */
function chown(
  { uid, gid }: Metadata,
  onOwnerLost: OnOwnerLost,
  set: (uid: number, gid: number) => void,
): void {
  if (isPermitted(() => set(uid, gid))) return
  onOwnerLost()
  isPermitted(() => set(UNCHANGED, gid))
}

/** To chown(2): leave it as it is. */
const UNCHANGED = -1

function isPermitted(run: () => void): boolean {
  try {
    run()
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') throw error
    return false
  }
}

/** Sets what differs: owner, mode, mtime. Never follows a link. What belongs to somebody else stays as it is (a volume's root). */
export function setMetadata(location: string, entry: Entry, onOwnerLost: OnOwnerLost): void {
  const path = fsPath(location)
  const there = lstatSync(path, { bigint: true })
  if (Number(there.uid) !== entry.uid || Number(there.gid) !== entry.gid)
    chown(entry, onOwnerLost, (uid, gid) => {
      lchownSync(path, uid, gid)
    })
  const isMine = isPermitted(() => {
    const mode = lstatSync(path).mode & 0o7777
    if (entry.type !== 'symlink' && mode !== entry.mode) chmodSync(path, entry.mode)
    if (microseconds(there.mtimeNs) !== microseconds(entry.mtimeNs))
      lutimesSync(path, seconds(entry.mtimeNs), seconds(entry.mtimeNs))
  })
  if (!isMine) onOwnerLost()
}

/**
 * Node takes seconds as a double, of which the system keeps whole nanoseconds: chosen so that the microseconds are
 * exact. A negative number (before 1970) would be taken for "now", and goes as text, which takes longer.
 */
function seconds(ns: bigint): number | string {
  const us = Number(microseconds(ns))
  const nearest = us / 1e6
  const kept = Math.floor(Math.trunc((nearest % 1) * 1e9) / 1000)
  const exact = kept === us - Math.trunc(nearest) * 1e6 ? nearest : nearest + 2.5e-7
  return exact < 0 ? String(exact) : exact
}

/** Which watches the kernel still holds: one ends with its directory, and the event that says so may have been lost. */
import { readFileSync, readdirSync, readlinkSync } from 'node:fs'
import type { Place } from './watched-place.ts'

/** Those of these watched places whose watch may have ended: all of them where the kernel does not tell. */
export function endedAmong(places: readonly Place[]): Place[] {
  const live = liveInodes()
  const ours = count(places.map(inodeOf))
  // The number of an inode is one of its file system only: where two are alike, either may be the one that ended.
  return places.filter((place) => {
    const inode = inodeOf(place)
    return (live?.get(inode) ?? 0) < (ours.get(inode) ?? 0)
  })
}

function inodeOf(place: Place): number {
  return place.identity?.inode ?? 0
}

/** The inodes on which this process has watches, each with their number. */
function liveInodes(): Map<number, number> | undefined {
  try {
    const inodes: number[] = []
    for (const fd of readdirSync('/proc/self/fd')) {
      if (!isInotify(fd)) continue
      const said = readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8')
      for (const [, hex] of said.matchAll(/^inotify wd:\w+ ino:(\w+)/gm))
        inodes.push(Number(`0x${hex}`))
    }
    return count(inodes)
  } catch {
    return undefined
  }
}

function isInotify(fd: string): boolean {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`) === 'anon_inode:inotify'
  } catch {
    return false // the one through which the list was read is closed by now
  }
}

function count(numbers: readonly number[]): Map<number, number> {
  const counts = new Map<number, number>()
  for (const number of numbers) counts.set(number, (counts.get(number) ?? 0) + 1)
  return counts
}

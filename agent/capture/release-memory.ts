/**
 * Gives back what a large capture or restore has left. The collector runs when something is allocated, and a sidecar at
 * rest allocates nothing: it would keep the garbage of its first backup for days.
 */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

let collect: (() => void) | undefined

/** Takes some 10 ms, and as much again for each 10 MB that stay. */
export function releaseMemory(): void {
  if (collect === undefined) {
    setFlagsFromString('--expose-gc')
    collect = runInNewContext('gc') as () => void
  }
  collect()
}

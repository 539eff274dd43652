/**
 * Gives back what a capture or a restore has left. The collector runs when something is allocated, and a sidecar at
 * rest allocates nothing: it would keep the garbage of its last work for days.
 */
import { getHeapStatistics, setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** Less has come to be since the last time: not worth the work. */
const MIN_GARBAGE_BYTES = 4 * 1024 * 1024

type Collect = (options?: { type: 'major'; execution: 'sync'; flavor: 'last-resort' }) => void

let collect: Collect | undefined
/** In use when the agent last came to rest. */
let keptBytes = 0

/** Takes some 10 ms, and as much again for each 10 MB that stay. */
export function releaseMemory(): void {
  collector()()
}

/**
 * Thorough: the collector goes over everything until nothing more is found, gives back the room in which new objects
 * are made, too, and forgets compiled code that was not run lately. Takes some 50 ms; nothing, where little was done.
 */
export function releaseAtRest(): void {
  if (inUse() < keptBytes + MIN_GARBAGE_BYTES) return
  collector()({ type: 'major', execution: 'sync', flavor: 'last-resort' })
  keptBytes = inUse()
}

function collector(): Collect {
  if (collect === undefined) {
    setFlagsFromString('--expose-gc')
    collect = runInNewContext('gc') as Collect
  }
  return collect
}

/** Bytes of objects and buffers, garbage among them. */
function inUse(): number {
  const { used_heap_size: objects, external_memory: buffers } = getHeapStatistics()
  return objects + buffers
}

/** The limits of the system that watching meets, and what to say of them. */
import { readFileSync } from 'node:fs'
import type { Place } from './watched-place.ts'

/** What Linux takes unless told otherwise. */
const QUEUED_EVENTS = 16_384

/** So many events wait for one reader; what comes beyond them is lost. */
export function queuedEvents(): number {
  try {
    const limit = Number(readFileSync('/proc/sys/fs/inotify/max_queued_events', 'utf8'))
    return limit > 0 ? limit : QUEUED_EVENTS
  } catch {
    return QUEUED_EVENTS
  }
}

/** After a limit was met, so long nothing is tried; then one directory after the other, until it is met again. */
const REST_MS = 60_000

/** Keeps count of the directories that should be watched and are not. */
export class WatchLimits {
  readonly #onDegraded: (why: string) => void
  readonly #monotonicMs: () => number
  #refused = 0
  #restsUntilMs = -Infinity

  constructor(onDegraded: (why: string) => void, monotonicMs: () => number) {
    this.#onDegraded = onDegraded
    this.#monotonicMs = monotonicMs
  }

  get reliable(): boolean {
    return this.#refused === 0
  }

  get isResting(): boolean {
    return this.#monotonicMs() < this.#restsUntilMs
  }

  setRefused(place: Place, refused: boolean): void {
    if (place.refused !== refused) this.#refused += refused ? 1 : -1
    place.refused = refused
  }

  /** A watch could not be had for this reason: says so, unless it was said and holds on. */
  meet(place: Place, code: string, watches: number): void {
    const wasReliable = this.reliable
    this.#restsUntilMs = this.#monotonicMs() + REST_MS
    this.setRefused(place, true)
    if (wasReliable) this.#onDegraded(degradedSentence(code, watches))
  }
}

/** One sentence: which limit, at how many watches, what to raise, and what happens meanwhile. */
function degradedSentence(code: string, watches: number): string {
  const limit = LIMITS[code] ?? 'no limit that is known'
  return `no more directories can be watched after ${watches} (${code}): ${limit}; until then what changes in the others is found by scanning by the clock`
}

const LIMITS: Readonly<Record<string, string>> = {
  ENOSPC:
    "the node's limit of watches for this user is reached, raise the sysctl fs.inotify.max_user_watches",
  EMFILE:
    "the node's limit of inotify instances for this user or the limit of open files is reached, raise the sysctl fs.inotify.max_user_instances or ulimit -n",
}

/**
 * Hints at what may have changed: one watch per directory, none per file, nothing recursive. The scan is the truth;
 * it covers each directory before it lists it, so that nothing falls between the list and the watch.
 *
 * What a watch does not tell, and what is done about it:
 * - It follows its directory, not the path. Before names are handed out, each directory they lie in is looked at;
 *   where another one stands at its path, or none, the watches at and below it end, and all of it is named.
 * - An event of a directory itself comes under its own name, like one of an entry of that name: both are marked.
 * - libuv drops the kernel's word that events were lost. It reads the queue until it is empty in one turn of the
 *   loop, and a queue that overflowed held `max_queued_events`: where so many come in one turn, or a quarter of them
 *   (equal events in a row are merged, others may be read meanwhile), everything may have changed, and watches may have
 *   ended unheard: they are compared with those that the kernel lists.
 * - Events in the queue for a watch that was closed are dropped, too, and would be missing in that count: watchers are
 *   retired first, and closed when the queue has been read once more. The queue is one for the whole process.
 * - File systems without events (NFS, gVisor) are silent here; the scan by the clock finds what changes.
 */
import type { FSWatcher, WatchListener } from 'node:fs'
import { watch } from 'node:fs'
import { systemClock } from '../../shared/clock.ts'
import { decodeName, fsPath } from '../volume/raw-path.ts'
import type { Dirty } from './dirty-names.ts'
import { DirtyNames } from './dirty-names.ts'
import { endedAmong } from './live-watches.ts'
import { WatchLimits, queuedEvents } from './watch-limits.ts'
import type { Place, PlacedWatcher } from './watched-place.ts'
import {
  findPlace,
  identityAt,
  isSame,
  locationOf,
  newPlace,
  ofWatcher,
  placesFrom,
  prunePlace,
  reachPlace,
  retirePlaces,
  watchedFrom,
} from './watched-place.ts'

export type { Dirty } from './dirty-names.ts'

export interface Hints {
  /** False: changes may come without a hint (a limit was reached, a watch failed). */
  readonly reliable: boolean
  /** Called at most once in a turn of the event loop, when something was marked. */
  onHint(listener: () => void): void
  /**
   * Watches this directory (an absolute location) from now on, if it is not watched yet. Never throws: what cannot be
   * watched because it has gone is marked in its parent; what may not be read is left to the scan.
   */
  cover(directory: string): void
  /** Watches nothing at or below this location any more: it has gone, moved, or become something else. */
  uncover(location: string): void
  /**
   * What may have changed since the last call; 'all': unknown, everything must be looked at, as at the first call.
   * A directory that is named may have gone, or be none any more. One that is covered by nobody is named for what stands in it: the parent
   * of a declared path, when that path itself changed.
   */
  take(): Dirty | 'all'
  /** How many directories are watched. */
  readonly watches: number
  /** Ends all hints at once, and resolves when all watches are closed. */
  close(): Promise<void>
}

export interface WatcherSeams {
  readonly open: (directory: string | Buffer, listener: WatchListener<Buffer>) => FSWatcher
  readonly monotonicMs: () => number
}

const systemSeams: WatcherSeams = {
  open: (directory, listener) =>
    watch(directory, { encoding: 'buffer', persistent: false }, listener),
  monotonicMs: () => systemClock.monotonicMs(),
}

/** @param onDegraded called with one sentence each time hints cease to be reliable. */
export function watchDirectories(
  onDegraded: (why: string) => void,
  seams: WatcherSeams = systemSeams,
): Hints {
  return new DirectoryWatcher(onDegraded, seams)
}

class DirectoryWatcher implements Hints {
  readonly #open: WatcherSeams['open']
  readonly #limits: WatchLimits
  readonly #listeners = new Set<() => void>()
  readonly #dirty = new DirtyNames()
  readonly #tree = newPlace('', undefined)
  readonly #burst = queuedEvents() / 4
  #eventsInTurn = 0
  #eventsLost = false
  #watches = 0
  #closed = false

  constructor(onDegraded: (why: string) => void, seams: WatcherSeams) {
    this.#open = seams.open
    this.#limits = new WatchLimits(onDegraded, seams.monotonicMs)
  }

  get reliable(): boolean {
    return this.#limits.reliable
  }

  get watches(): number {
    return this.#watches
  }

  onHint(listener: () => void): void {
    this.#listeners.add(listener)
  }

  cover(directory: string): void {
    if (this.#closed) return
    const place = reachPlace(this.#tree, directory)
    if (place.watcher !== undefined) return
    if (this.#limits.isResting) this.#limits.setRefused(place, true)
    else this.#watch(place, directory)
  }

  uncover(location: string): void {
    const place = findPlace(this.#tree, location)
    if (place !== undefined) void this.#release(place)
  }

  take(): Dirty | 'all' {
    const suspects = this.#dirty.isEverything
      ? watchedFrom(this.#tree)
      : this.#dirty.directories().map((location) => findPlace(this.#tree, location))
    for (const place of suspects) if (place?.watcher !== undefined) this.#stillThere(place)
    if (this.#eventsLost)
      for (const place of endedAmong(watchedFrom(this.#tree))) this.#renew(place)
    this.#eventsLost = false
    return this.#dirty.take()
  }

  close(): Promise<void> {
    this.#closed = true
    this.#listeners.clear()
    return this.#release(this.#tree)
  }

  #watch(place: Place, directory: string): void {
    let watcher: PlacedWatcher
    try {
      watcher = Object.assign(this.#open(fsPath(directory), this.#onChange), { place })
    } catch (error) {
      return this.#fail(place, error as NodeJS.ErrnoException)
    }
    watcher.on('error', this.#onError)
    place.watcher = watcher
    this.#watches += 1
    this.#limits.setRefused(place, false)
    // Watching follows links and takes files: only a directory that stands there by itself is meant.
    const identity = identityAt(directory)
    if (identity === undefined || identity === 'unknown') this.#lose(place)
    else place.identity = identity
  }

  #fail(place: Place, error: NodeJS.ErrnoException): void {
    const { code } = error
    if (code === 'ENOENT' || code === 'ENOTDIR') this.#lose(place)
    // The scan lists what may not be read; when that changes, its parent tells.
    else if (code === 'EACCES' || code === 'EPERM') prunePlace(place)
    else this.#limits.meet(place, code ?? error.message, this.#watches)
  }

  readonly #onChange = ofWatcher<[type: string, name: Buffer | null]>(({ place }, type, name) => {
    this.#eventsInTurn += 1
    if (this.#eventsInTurn === 1) setImmediate(() => this.#endTurn())
    if (this.#eventsInTurn > this.#burst) {
      this.#eventsLost = true
      this.#dirty.markEverything()
    } else if (place !== undefined) {
      if (name === null) this.#dirty.markAll(locationOf(place))
      else this.#mark(place, type, decodeName(name))
    }
  })

  readonly #onError = ofWatcher<[error: Error]>(({ place }, error) => {
    if (place === undefined) return
    void this.#retire([place])
    this.#dirty.markAll(locationOf(place))
    this.#fail(place, error)
    this.#hint()
  })

  #endTurn(): void {
    this.#eventsInTurn = 0
    this.#hint()
  }

  #hint(): void {
    if (!this.#dirty.isEmpty) for (const listener of this.#listeners) listener()
  }

  #mark(place: Place, type: string, name: string): void {
    this.#dirty.mark(locationOf(place), name)
    if (name !== place.name) return
    // It may be of the directory itself: then another one may stand there, or the watch may have ended.
    this.#markInParent(place)
    if (type === 'rename' && this.#stillThere(place)) this.#renew(place)
  }

  #renew(place: Place): void {
    const directory = locationOf(place)
    void this.#retire([place])
    this.#watch(place, directory)
    this.#dirty.markAll(directory)
  }

  /** Whether the path leads to what is watched; if not, it is lost. */
  #stillThere(place: Place): boolean {
    const identity = identityAt(locationOf(place))
    if (identity === 'unknown' || isSame(identity, place.identity)) return true
    this.#lose(place)
    return false
  }

  /** Another directory may come to stand there before anybody looks: all that was watched is marked. */
  #lose(place: Place): void {
    this.#markInParent(place)
    for (const each of watchedFrom(place)) this.#dirty.markAll(locationOf(each))
    void this.#release(place)
  }

  #markInParent({ parent, name }: Place): void {
    if (parent !== undefined) this.#dirty.mark(locationOf(parent), name)
  }

  #release(place: Place): Promise<void> {
    for (const each of placesFrom(place)) this.#limits.setRefused(each, false)
    const closed = this.#retire(watchedFrom(place))
    place.children = undefined
    prunePlace(place)
    return closed
  }

  #retire(places: readonly Place[]): Promise<void> {
    const { count, closed } = retirePlaces(places)
    this.#watches -= count
    return closed
  }
}

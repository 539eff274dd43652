/**
 * Watched directories as a tree of names: closing all watches below a location costs what is below it, and each
 * name is held once. Places on the way to a watched one are there without a watch.
 */
import type { FSWatcher } from 'node:fs'
import { lstatSync } from 'node:fs'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { fsPath } from '../volume/raw-path.ts'

export interface Place {
  readonly name: string
  /** Undefined for `/`. */
  readonly parent: Place | undefined
  children: Map<string, Place> | undefined
  watcher: PlacedWatcher | undefined
  /** A watch was asked for, and a limit refused it. */
  refused: boolean
  /** What the watch is on. */
  identity: Identity | undefined
}

/** The number of a directory that was deleted is given again; the time of its birth is not. */
export interface Identity {
  readonly inode: number
  /** 0: not known. */
  readonly bornMs: number
}

/** A watcher knows its place, so that all of them share one listener. Undefined once it is retired. */
export interface PlacedWatcher extends FSWatcher {
  place: Place | undefined
}

/** One listener for all watchers, which is told whose event it is. */
export function ofWatcher<Event extends unknown[]>(
  listener: (watcher: PlacedWatcher, ...event: Event) => void,
) {
  return function heard(this: unknown, ...event: Event): void {
    listener(this as PlacedWatcher, ...event)
  }
}

export function newPlace(name: string, parent: Place | undefined): Place {
  return {
    name,
    parent,
    children: undefined,
    watcher: undefined,
    refused: false,
    identity: undefined,
  }
}

/** The place of an absolute location; undefined where nothing was ever watched at or below it. */
export function findPlace(root: Place, location: string): Place | undefined {
  let place: Place | undefined = root
  for (const name of namesOf(location)) place = place?.children?.get(name)
  return place
}

/** The place of an absolute location, made where it is not there yet. */
export function reachPlace(root: Place, location: string): Place {
  let place = root
  for (const name of namesOf(location)) {
    place.children ??= new Map()
    let child = place.children.get(name)
    if (child === undefined) {
      child = newPlace(name, place)
      place.children.set(name, child)
    }
    place = child
  }
  return place
}

/** Takes the place out of the tree, and its parents in turn, as far as they hold nothing any more. */
export function prunePlace(place: Place): void {
  const { parent } = place
  const holds = place.watcher !== undefined || place.refused || place.children !== undefined
  if (holds || parent?.children?.get(place.name) !== place) return
  parent.children.delete(place.name)
  if (parent.children.size > 0) return
  parent.children = undefined
  prunePlace(parent)
}

/** The place itself, and all below it. */
export function* placesFrom(place: Place): Generator<Place> {
  const waiting = [place]
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    yield next
    if (next.children !== undefined) waiting.push(...next.children.values())
  }
}

export function watchedFrom(place: Place): Place[] {
  return [...placesFrom(place)].filter(({ watcher }) => watcher !== undefined)
}

/**
 * Takes the watchers from these places. Their events are nobody's from now on, but still come: each is closed when the
 * queue of events has been read once more.
 */
export function retirePlaces(places: readonly Place[]): { count: number; closed: Promise<void> } {
  const watchers: FSWatcher[] = []
  for (const place of places) {
    if (place.watcher === undefined) continue
    watchers.push(place.watcher)
    place.watcher.place = undefined
    place.watcher = undefined
  }
  return { count: watchers.length, closed: closeLater(watchers) }
}

async function closeLater(watchers: readonly FSWatcher[]): Promise<void> {
  if (watchers.length === 0) return
  await nextTurn()
  // The queue of the turn before may have been read already.
  await nextTurn()
  for (const watcher of watchers) watcher.close()
}

export function locationOf(place: Place): string {
  if (place.parent === undefined) return '/'
  let location = ''
  for (let at: Place = place; at.parent !== undefined; at = at.parent)
    location = `/${at.name}${location}`
  return location
}

/** Which directory stands at this location by itself; undefined: none does. */
export function identityAt(location: string): Identity | undefined | 'unknown' {
  try {
    const stat = lstatSync(fsPath(location), { throwIfNoEntry: false })
    if (stat?.isDirectory() !== true) return undefined
    // Where the system does not tell the birth, Node gives the time of the last change.
    const bornMs = stat.birthtimeMs === stat.ctimeMs ? 0 : stat.birthtimeMs
    return { inode: stat.ino, bornMs }
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOTDIR' ? undefined : 'unknown'
  }
}

export function isSame(one: Identity | undefined, other: Identity | undefined): boolean {
  if (one?.inode !== other?.inode) return false
  return one?.bornMs === 0 || other?.bornMs === 0 || one?.bornMs === other?.bornMs
}

function namesOf(location: string): string[] {
  return location.split('/').filter((name) => name !== '')
}

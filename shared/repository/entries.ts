import type { Entry } from './entry.ts'

/** What readers of a manifest's entries need; a Map will do, too. */
export interface Entries {
  readonly size: number
  has(name: string): boolean
  get(name: string): Entry | undefined
  keys(): IterableIterator<string>
  values(): IterableIterator<Entry>
  [Symbol.iterator](): IterableIterator<[string, Entry]>
}

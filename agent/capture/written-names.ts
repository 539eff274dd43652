/**
 * Files that hints named, until a picture has answered them. Their times prove nothing: those of a file that one long
 * call is writing are set when it begins, and the hint comes when it has ended.
 */
import type { Layout } from '../volume/layout.ts'
import { nameOf } from '../volume/layout.ts'
import type { Dirty } from './dirty-names.ts'

/** What is more is judged by its times; the bound keeps the memory to a few megabytes. */
const MANY_NAMES = 16_384

export class WrittenNames {
  readonly #layout: Layout
  readonly #names = new Set<string>()

  constructor(layout: Layout) {
    this.#layout = layout
  }

  /** Names of entries; directories may be among them. */
  get all(): ReadonlySet<string> {
    return this.#names
  }

  add(dirty: Dirty | 'all'): void {
    if (dirty === 'all') return
    for (const [directory, names] of dirty)
      if (names !== 'all') for (const base of names) this.#add(`${directory}/${base}`)
  }

  clear(): void {
    this.#names.clear()
  }

  #add(location: string): void {
    const name = nameOf(this.#layout, location)
    if (name !== undefined && this.#names.size < MANY_NAMES) this.#names.add(name)
  }
}

/** What may have changed, by directory and name, in bounded memory: what is more than that is "all". */

/** Directory location -> names of entries in it (strings as raw-path.ts makes them), or all of them. */
export type Dirty = ReadonlyMap<string, ReadonlySet<string> | 'all'>

/** Where so many names of one directory may have changed, listing it costs no more than asking for each. */
const NAMES_OF_ONE = 512
/** Beyond these a walk of everything is cheaper; they bound the memory to a few megabytes. */
const DIRECTORIES = 4096
const NAMES_IN_ALL = 16_384

export class DirtyNames {
  /** Undefined: everything. Nothing is known until the first look. */
  #directories: Map<string, Set<string> | 'all'> | undefined
  #names = 0

  get isEverything(): boolean {
    return this.#directories === undefined
  }

  get isEmpty(): boolean {
    return this.#directories?.size === 0
  }

  /** Directories in which something is marked. */
  directories(): string[] {
    return [...(this.#directories?.keys() ?? [])]
  }

  mark(directory: string, name: string): void {
    const names = this.#directories?.get(directory)
    if (names === 'all' || names?.has(name) === true) return
    if (names === undefined) this.#set(directory, new Set([name]))
    else if (names.size === NAMES_OF_ONE) this.markAll(directory)
    else names.add(name)
    this.#names += 1
    if (this.#names > NAMES_IN_ALL) this.markEverything()
  }

  markAll(directory: string): void {
    this.#set(directory, 'all')
  }

  markEverything(): void {
    this.#directories = undefined
  }

  /** Marks what somebody else had marked. */
  add(dirty: Dirty | 'all'): void {
    if (dirty === 'all') return this.markEverything()
    for (const [directory, names] of dirty)
      if (names === 'all') this.markAll(directory)
      else for (const name of names) this.mark(directory, name)
  }

  /** What is marked, and stays so. */
  all(): Dirty | 'all' {
    return this.#directories ?? 'all'
  }

  /** What was marked since the last call; from then on nothing is. */
  take(): Dirty | 'all' {
    const taken = this.#directories ?? 'all'
    this.#directories = new Map()
    this.#names = 0
    return taken
  }

  #set(directory: string, names: Set<string> | 'all'): void {
    this.#directories?.set(directory, names)
    if ((this.#directories?.size ?? 0) > DIRECTORIES) this.markEverything()
  }
}

/** Paths of directories that have entries, by number; a declared path itself lies in ''. */
export class PathRegistry {
  readonly #paths: string[] = []
  readonly #numbers = new Map<string, number>()

  /** The one that was found last: entries mostly come directory by directory. */
  #last = -1

  find(path: string): number | undefined {
    if (path === this.#paths[this.#last]) return this.#last
    const known = this.#numbers.get(path)
    if (known !== undefined) this.#last = known
    return known
  }

  add(path: string): number {
    const known = this.find(path)
    if (known !== undefined) return known
    this.#paths.push(path)
    this.#last = this.#paths.length - 1
    this.#numbers.set(path, this.#last)
    return this.#last
  }

  at(number: number): string {
    return this.#paths[number] as string
  }

  map<T>(each: (path: string) => T): T[] {
    return this.#paths.map(each)
  }
}

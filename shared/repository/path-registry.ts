/** Paths of directories that have entries, by number; a declared path itself lies in ''. */
export class PathRegistry {
  readonly #paths: string[] = []
  readonly #numbers = new Map<string, number>()

  find(path: string): number | undefined {
    return this.#numbers.get(path)
  }

  add(path: string): number {
    const known = this.#numbers.get(path)
    if (known !== undefined) return known
    this.#paths.push(path)
    this.#numbers.set(path, this.#paths.length - 1)
    return this.#paths.length - 1
  }

  at(number: number): string {
    return this.#paths[number] as string
  }

  map<T>(each: (path: string) => T): T[] {
    return this.#paths.map(each)
  }
}

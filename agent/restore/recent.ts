/** What was asked for last, and nothing older than so many others. */
export class Recent<K, V> {
  readonly #values = new Map<K, V>()
  readonly #capacity: number

  constructor(capacity: number) {
    this.#capacity = capacity
  }

  has(key: K): boolean {
    return this.#values.has(key)
  }

  get(key: K, make: () => V): V {
    const value = this.#values.get(key) ?? make()
    this.#values.delete(key)
    this.#values.set(key, value)
    const [oldest] = this.#values.keys()
    if (this.#values.size > this.#capacity && oldest !== undefined) this.#values.delete(oldest)
    return value
  }
}

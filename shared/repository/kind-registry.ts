/** What entries have in common, each combination kept once: a volume has few of them, however many its files. */
import type { Entry } from './entry.ts'

interface Kind {
  readonly type: Entry['type']
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly stale: boolean
  readonly unstable: boolean
  readonly database: boolean
}

export class KindRegistry {
  readonly #kinds: Kind[] = []
  readonly #numbers = new Map<string, number>()

  at(number: number): Kind {
    const kind = this.#kinds[number]
    if (kind === undefined) throw new RangeError(`no kind has the number ${number}`)
    return kind
  }

  /** The number of an entry's kind, which is added if it is new. */
  add(entry: Entry): number {
    const { type, mode, uid, gid } = entry
    const stale = entry.stale === true
    const unstable = entry.type === 'file' && entry.unstable === true
    const database = entry.type === 'file' && entry.database === true
    const key = `${type} ${mode} ${uid} ${gid} ${stale} ${unstable} ${database}`
    const known = this.#numbers.get(key)
    if (known !== undefined) return known
    const number = this.#kinds.push({ type, mode, uid, gid, stale, unstable, database }) - 1
    this.#numbers.set(key, number)
    return number
  }
}

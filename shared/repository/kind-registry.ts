/** What entries have in common, each combination kept once: a volume has few of them, however many its files. */
import type { Entry } from './entry.ts'

/** What an entry says of its kind. */
interface KindFields {
  readonly type: Entry['type']
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly stale?: boolean
  readonly unstable?: boolean
  readonly database?: boolean
}

export interface Kind {
  readonly type: Entry['type']
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly stale: boolean
  readonly unstable: boolean
  readonly database: boolean
  /** None of these flags is set. */
  readonly usual: boolean
}

export class KindRegistry {
  readonly #kinds: Kind[] = []
  readonly #numbers = new Map<string, number>()
  /** The one that was added last: neighbours are mostly alike, and a key costs more than a look. */
  #last = -1

  at(number: number): Kind {
    const kind = this.#kinds[number]
    if (kind === undefined) throw new RangeError(`no kind has the number ${number}`)
    return kind
  }

  /** The number of an entry's kind, which is added if it is new. */
  add(entry: KindFields): number {
    const { type, mode, uid, gid, stale = false, unstable = false, database = false } = entry
    const usual = !stale && !unstable && !database
    const last = this.#kinds[this.#last]
    if (usual && last?.usual === true && isAlike(last, entry)) return this.#last
    const key = `${type} ${mode} ${uid} ${gid} ${stale} ${unstable} ${database}`
    const known = this.#numbers.get(key)
    this.#last =
      known ?? this.#kinds.push({ type, mode, uid, gid, stale, unstable, database, usual }) - 1
    this.#numbers.set(key, this.#last)
    return this.#last
  }
}

function isAlike(kind: Kind, { type, mode, uid, gid }: KindFields): boolean {
  return kind.type === type && kind.mode === mode && kind.uid === uid && kind.gid === gid
}

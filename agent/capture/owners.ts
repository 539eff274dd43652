/** An agent that is not root can give no file away: said with each version, not first when it is restored. */
import type { Fault } from '../../shared/repository/entry.ts'
import type { ScannedEntry } from './scanner.ts'

export class OwnerTally {
  readonly #uid: number
  readonly #owners = new Map<number, { first: string; count: number }>()

  /** @param uid whose agent this is. */
  constructor(uid: number) {
    this.#uid = uid
  }

  /** The roots of volumes belong to whoever mounted them. */
  add({ uid, name, marked }: ScannedEntry): void {
    if (this.#uid === 0 || uid === this.#uid || marked === true) return
    const owner = this.#owners.get(uid)
    if (owner === undefined) this.#owners.set(uid, { first: name, count: 1 })
    else owner.count += 1
  }

  /** One line per foreign owner, so that versions stay small. */
  faults(): Fault[] {
    return [...this.#owners].map(([owner, { first, count }]) => ({
      name: first,
      kind: 'notRestorable',
      why: `${count} of user ${owner}, restorable as user ${this.#uid} only`,
    }))
  }
}

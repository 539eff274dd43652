/** A Lease behind an API server that is slow, out of reach, or does a write and does not say so. */
import type { Clock } from '../../../shared/clock.ts'
import {
  ClusterUnreachableError,
  ConflictError,
} from '../../../webhook/kubernetes/cluster-error.ts'
import type { Lease, LeaseStore, StoredLease } from '../../../webhook/leader/lease.ts'
import type { SeededRandom } from '../../support/seeded-random.ts'

export class FaultyLeaseStore {
  lease: StoredLease | undefined
  /** Of a hundred calls, how many go wrong. */
  faults = 0
  #version = 0
  readonly #clock: Clock
  readonly #random: SeededRandom

  constructor(clock: Clock, random: SeededRandom) {
    this.#clock = clock
    this.#random = random
  }

  /** One contender's way to it, which can be cut. */
  line(): LeaseStore & { isCut: boolean } {
    const line = {
      isCut: false,
      read: () => this.#through(line, () => this.lease),
      create: (lease: Lease) =>
        this.#through(line, () => {
          if (this.lease !== undefined) throw new ConflictError('it exists already')
          return this.#write(lease)
        }),
      replace: ({ resourceVersion }: StoredLease, lease: Lease) =>
        this.#through(line, () => {
          if (this.lease?.resourceVersion !== resourceVersion)
            throw new ConflictError('it is another version')
          return this.#write(lease)
        }),
    }
    return line
  }

  #write(lease: Lease): StoredLease {
    this.#version += 1
    this.lease = { ...lease, resourceVersion: String(this.#version) }
    return this.lease
  }

  /** Signals are not heeded: a request that was given up may yet arrive. */
  async #through<T>(line: { readonly isCut: boolean }, act: () => T): Promise<T> {
    const isFaulty = this.#random.below(100) < this.faults
    const slowestMs = isFaulty ? 14_000 : 20
    const unreachable = new ClusterUnreachableError('out of reach')
    await this.#clock.sleep(this.#random.below(slowestMs))
    if (line.isCut || (isFaulty && this.#random.below(3) === 0)) throw unreachable
    const answer = act()
    await this.#clock.sleep(this.#random.below(slowestMs))
    if (line.isCut || (isFaulty && this.#random.below(3) === 0)) throw unreachable
    return answer
  }
}

/**
 * How far pods were watched for certain, so that another leader can go on from there. What is to be told of a change
 * waits for the store and the API server: what came just now may be untold yet, and is seen once more rather than never.
 */
import type { Clock } from '../../shared/clock.ts'

const SETTLED_MS = 30_000
/** Positions that are closer to each other count as one. */
const STEP_MS = 1000

interface Position {
  readonly version: string
  readonly atMs: number
}

export class WatchedTo {
  readonly #clock: Clock
  #recent: Position[] = []
  #settled: string | null

  /** @param since where those that watched before have come to. */
  constructor(clock: Clock, since: string | null) {
    this.#clock = clock
    this.#settled = since
  }

  see(version: string): void {
    const atMs = this.#clock.monotonicMs()
    const last = this.#recent.at(-1)
    if (last === undefined || atMs - last.atMs >= STEP_MS) this.#recent.push({ version, atMs })
    this.#settle(atMs)
  }

  /** Null: nowhere yet. */
  get version(): string | null {
    this.#settle(this.#clock.monotonicMs())
    return this.#settled
  }

  #settle(nowMs: number): void {
    const settled = this.#recent.filter(({ atMs }) => nowMs - atMs >= SETTLED_MS)
    this.#recent = this.#recent.slice(settled.length)
    this.#settled = settled.at(-1)?.version ?? this.#settled
  }
}

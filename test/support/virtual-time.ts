/** Time that passes as fast as its sleepers can be woken: an hour of two hundred agents within seconds. */
import type { Clock } from '../../shared/clock.ts'
import { untilQuiet } from '../model/sim-agent.ts'

interface Sleeper {
  readonly dueMs: number
  readonly wake: () => void
}

/** File times are the machine's: a wall clock that is ahead of them doubts none. */
const AHEAD_MS = 10_000

export class VirtualTime {
  readonly clock: Clock
  /** Those due within the same second lie together: very many sleep at once. */
  readonly #sleepers = new Map<number, Set<Sleeper>>()
  readonly #beganMs = Date.now()
  #nowMs = 0
  readonly #isBusy: () => boolean

  /** @param isBusy somebody is at work that only real time will end: virtual time waits for it. */
  constructor(isBusy: () => boolean = () => false) {
    this.#isBusy = isBusy
    this.clock = {
      monotonicMs: () => this.#nowMs,
      now: () => new Date(this.#beganMs + AHEAD_MS + this.#nowMs),
      sleep: (ms, signal) => this.#sleep(ms, signal),
    }
  }

  get nowMs(): number {
    return this.#nowMs
  }

  /** Does this every so often, first after `firstMs`, for as long as the test runs. */
  every(ms: number, firstMs: number, act: () => void): void {
    const wake = () => {
      this.#remove(sleeper)
      this.every(ms, ms, act)
      act()
    }
    const sleeper = { dueMs: this.#nowMs + firstMs, wake }
    this.#add(sleeper)
  }

  /** Lets so much time pass, and everybody do what falls due in it. */
  async pass(ms: number): Promise<void> {
    const endMs = this.#nowMs + ms
    await this.#run(endMs, () => false)
    this.#nowMs = endMs
  }

  /** Lets time pass until the condition holds; the time that this took. Fails when it does not within `mostMs`. */
  async until(holds: () => boolean, mostMs: number): Promise<number> {
    const beganMs = this.#nowMs
    if (!(await this.#run(beganMs + mostMs, holds)))
      throw new Error(`in vain for ${mostMs / 1000} s: ${holds.toString()}`)
    return this.#nowMs - beganMs
  }

  async #run(endMs: number, holds: () => boolean): Promise<boolean> {
    for (;;) {
      do await untilQuiet()
      while (this.#isBusy())
      if (holds()) return true
      const next = this.#next()
      if (next === undefined || next.dueMs > endMs) return false
      this.#nowMs = Math.max(this.#nowMs, next.dueMs)
      next.wake()
    }
  }

  #next(): Sleeper | undefined {
    if (this.#sleepers.size === 0) return undefined
    const soonest = this.#sleepers.get(Math.min(...this.#sleepers.keys())) ?? []
    let next: Sleeper | undefined
    for (const sleeper of soonest) if (sleeper.dueMs < (next?.dueMs ?? Infinity)) next = sleeper
    return next
  }

  #add(sleeper: Sleeper): void {
    const second = Math.floor(sleeper.dueMs / 1000)
    const there = this.#sleepers.get(second) ?? new Set()
    this.#sleepers.set(second, there.add(sleeper))
  }

  #remove(sleeper: Sleeper): void {
    const second = Math.floor(sleeper.dueMs / 1000)
    const there = this.#sleepers.get(second)
    there?.delete(sleeper)
    if (there?.size === 0) this.#sleepers.delete(second)
  }

  #sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal?.aborted === true) return resolve()
      const wake = () => {
        this.#remove(sleeper)
        signal?.removeEventListener('abort', wake)
        resolve()
      }
      const sleeper = { dueMs: this.#nowMs + ms, wake }
      this.#add(sleeper)
      signal?.addEventListener('abort', wake, { once: true })
    })
  }
}

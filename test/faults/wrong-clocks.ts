/** Two clocks that are not right: the agent's, which hastes, and the one by which requests are signed, which is off. */
import { systemClock, type Clock } from '../../shared/clock.ts'

/** The agent's waits are so much shorter than they are, and its minutes with them. */
const HASTE = 60

const RealDate = Date

export const hastyClock: Clock = {
  monotonicMs: () => systemClock.monotonicMs() * HASTE,
  now: () => new RealDate(),
  sleep: (ms, signal) => systemClock.sleep(ms / HASTE, signal),
}

/** The clock by which requests are signed goes wrong by so much; the store's does not. */
export function skewClock(ms: number): void {
  globalThis.Date = class extends RealDate {
    constructor(...args: [] | [number | string | Date]) {
      if (args.length === 0) super(RealDate.now() + ms)
      else super(...(args as [number]))
    }
    static override now(): number {
      return RealDate.now() + ms
    }
  } as DateConstructor
}

export function rightClock(): void {
  globalThis.Date = RealDate
}

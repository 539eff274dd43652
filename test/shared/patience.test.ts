import { describe, expect, it } from 'vitest'
import { AccessDeniedError, UnreachableError } from '../../shared/object-store/object-store.ts'
import { untilReachable } from '../../shared/patience.ts'
import { HandClock } from './repository/memory-store.ts'

const down = () => Promise.reject(new UnreachableError('no answer'))

describe('an agent that asks a store that does not answer', () => {
  it('asks again until it does', async () => {
    const clock = new HandClock()
    let attempts = 0
    const told: string[] = []
    const answer = await untilReachable(
      () => ((attempts += 1) < 5 ? down() : Promise.resolve('answer')),
      { clock, onRetry: ({ message }) => told.push(message) },
    )
    expect(answer).toBe('answer')
    expect(told).toEqual(Array.from({ length: 4 }, () => 'no answer'))
  })

  it('waits twice as long each time, from 0.2 s to a minute, never less than half of it', async () => {
    const clock = new HandClock()
    const asking = untilReachable(down, { clock, giveUpAfterMs: 600_000 })
    await expect(asking).rejects.toThrow(UnreachableError)
    // The last wait ends where the patience does.
    for (const [i, ms] of clock.sleeps.slice(0, 15).entries()) {
      const most = Math.min(200 * 2 ** i, 60_000)
      expect(ms).toBeGreaterThanOrEqual(most / 2)
      expect(ms).toBeLessThanOrEqual(most)
    }
    expect(clock.sleeps.length).toBeGreaterThan(15)
  })

  it('gives up when it was to, with the last error', async () => {
    const clock = new HandClock()
    const asking = untilReachable(down, { clock, giveUpAfterMs: 5000 })
    await expect(asking).rejects.toThrow('no answer')
    expect(clock.ms).toBeCloseTo(5000, 3)
  })

  it('stops at once when told to, also during a wait', async () => {
    const stop = new AbortController()
    const clock = new HandClock()
    clock.sleep = () => {
      stop.abort()
      return Promise.resolve()
    }
    let attempts = 0
    const attempt = () => {
      attempts += 1
      return down()
    }
    const asking = untilReachable(attempt, { clock, signal: stop.signal })
    await expect(asking).rejects.toThrow(UnreachableError)
    expect(attempts).toBe(1)
    await expect(untilReachable(attempt, { clock, signal: stop.signal })).rejects.toThrow()
    expect(attempts).toBe(2)
  })

  it('takes a refusal for an answer', async () => {
    const clock = new HandClock()
    const asking = untilReachable(() => Promise.reject(new AccessDeniedError('no')), { clock })
    await expect(asking).rejects.toThrow(AccessDeniedError)
    expect(clock.sleeps).toEqual([])
  })
})

import type { Clock } from './clock.ts'
import { HoldfastError } from './errors.ts'

/** It did not end in its time. Whether it will yet have an effect is not known. */
export class OverdueError extends HoldfastError {}

/** Gives up on `work` after `ms`, also where it does not heed the signal that it is given. */
export async function within<T>(
  ms: number,
  clock: Clock,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const late = new AbortController()
  const done = new AbortController()
  const overdue = clock.sleep(ms, done.signal).then(() => {
    late.abort()
    throw new OverdueError(`not done within ${ms} ms`)
  })
  overdue.catch(() => undefined)
  const working = work(late.signal)
  working.catch(() => undefined)
  try {
    return await Promise.race([working, overdue])
  } finally {
    done.abort()
  }
}

/** What a contender does about the Lease that it sees. Pure: of clocks only this process's own counts, and only differences. */
import type { Lease, StoredLease } from './lease.ts'

export const LEASE_SECONDS = 15

/** The Lease as it was read last, and when it was first seen like this (monotonic). */
export interface SeenLease {
  readonly lease: StoredLease
  readonly sinceMs: number
}

/** Undefined before anything was seen. A change that came between two looks counts from the second one: later than true, never sooner. */
export function see(before: SeenLease | undefined, lease: StoredLease, nowMs: number): SeenLease {
  const isSame = before?.lease.resourceVersion === lease.resourceVersion
  return isSame ? before : { lease, sinceMs: nowMs }
}

/** Whether `self` may write itself into the Lease: nobody holds it, it does already, or the holder left it behind. */
export function isFree({ lease, sinceMs }: SeenLease, self: string, nowMs: number): boolean {
  if (lease.holder === null || lease.holder === self) return true
  return nowMs - sinceMs > lease.durationSeconds * 1000
}

/**
 * @param before the Lease that it is written over; undefined: there is none yet.
 * @param watchedTo by `self`; null: no further than before.
 */
export function heldBy(
  self: string,
  before: Lease | undefined,
  now: Date,
  watchedTo: string | null,
): Lease {
  const time = microTime(now)
  const goesOn = before?.holder === self
  return {
    holder: self,
    durationSeconds: LEASE_SECONDS,
    acquiredAt: goesOn ? before.acquiredAt : time,
    renewedAt: time,
    transitions: (before?.transitions ?? 0) + (before === undefined || goesOn ? 0 : 1),
    watchedTo: watchedTo ?? before?.watchedTo ?? null,
  }
}

/** Nobody has to wait for it. */
export function released(lease: Lease, now: Date): Lease {
  return { ...lease, holder: null, durationSeconds: 1, renewedAt: microTime(now) }
}

function microTime(time: Date): string {
  return time.toISOString().replace('Z', '000Z')
}

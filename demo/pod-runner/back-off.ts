/** The kubelet's: the first restart at once, then after 10 s, doubling up to 5 min. */
export interface BackOffLimits {
  baseMs: number
  maxMs: number
}

export const KUBELET_BACK_OFF: BackOffLimits = { baseMs: 10_000, maxMs: 300_000 }

export interface BackOff {
  /** Counted from the end of the container that is restarted. */
  delayMs: number
  at: number
}

/** What the restart of a container that ended at `now` has to wait, after the `previous` one. */
export function nextBackOff(
  previous: BackOff | undefined,
  now: number,
  { baseMs, maxMs }: BackOffLimits,
): BackOff {
  // Twice the longest delay without a restart, and the container starts with a clean record.
  if (!previous || now - previous.at > 2 * maxMs) return { delayMs: 0, at: now }
  const delayMs = previous.delayMs === 0 ? baseMs : Math.min(previous.delayMs * 2, maxMs)
  return { delayMs, at: now }
}

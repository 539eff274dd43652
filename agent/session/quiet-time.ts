/** Changes that come closer than this belong to one burst. */
const QUIET_MS = 250
/** A change after a calm is mostly alone; if it was the first of a burst, that costs one version more. */
const QUIET_AFTER_CALM_MS = 100

/**
 * Milliseconds without a change after which a burst has ended.
 * @param sinceVersionMs since the last version of this writer; a calm lasts for half of what is promised.
 */
export function quietTime(withinMs: number, sinceVersionMs: number): number {
  const isCalm = sinceVersionMs > withinMs / 2
  return Math.min(isCalm ? QUIET_AFTER_CALM_MS : QUIET_MS, withinMs / 4)
}

/** A full scan costs at most one part in so many of a core. */
const SCAN_SHARE = 1000
const MIN_RESCAN_MS = 30_000
/** However long a scan takes (the machine may have slept meanwhile), a missed hint is made good within this. */
const MAX_RESCAN_MS = 60 * 60 * 1000

/** How long after the last survey of the whole the next one is due, going by how long that one took. */
export function rescanAfterMs(scanMs: number): number {
  return Math.min(MAX_RESCAN_MS, Math.max(MIN_RESCAN_MS, scanMs * SCAN_SHARE))
}

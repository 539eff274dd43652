/** The coarsest file systems count time in steps of 2 s, so a later change may bear the time of one that was just seen. */
const DOUBTFUL_NS = 2_000_000_000n
/** What one call can write at most. */
const WRITE_CALL_BYTES = 2 ** 31
/** Storage that takes less than 20 MB in a second is not reckoned with. */
const SLOWEST_NS_PER_BYTE = 50

/** Of a look at a file at `time`: with a ctime after this (in nanoseconds since 1970), it proves nothing about later changes. */
export function doubtfulSinceNs(time: Date): bigint {
  return BigInt(time.getTime()) * 1_000_000n - DOUBTFUL_NS
}

/**
 * Of a file at `time`: with a ctime after this, what changed it last may still be at it. A call that writes sets the
 * file's times when it begins, and never again until it has written all of its bytes.
 */
export function inWritingSinceNs(time: Date, sizeBytes: number): bigint {
  const bytes = Math.min(sizeBytes, WRITE_CALL_BYTES)
  return doubtfulSinceNs(time) - BigInt(bytes * SLOWEST_NS_PER_BYTE)
}

/** The coarsest file systems count time in steps of 2 s, so a later change may bear the time of one that was just seen. */
const DOUBTFUL_NS = 2_000_000_000n

/** Of a look at a file at `time`: with a ctime after this (in nanoseconds since 1970), it proves nothing about later changes. */
export function doubtfulSinceNs(time: Date): bigint {
  return BigInt(time.getTime()) * 1_000_000n - DOUBTFUL_NS
}

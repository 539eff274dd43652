/** Pure: may a slot be taken from its last writer? */
import type { PodState } from '../../shared/service-contract.ts'

/** What was seen of a slot's last writer, in milliseconds of our own clock. */
export interface SeenWriter {
  readonly writer: string
  /** The newest number that it wrote. */
  readonly n: number
  readonly firstMs: number
  /** When it was seen to have written something new, or first. */
  readonly movedMs: number
}

export type WriterFate = 'alive' | 'ending' | 'gone'

/** The same writer, looked at once more; another one begins anew. */
export function seeAgain(
  seen: SeenWriter | undefined,
  writer: string,
  n: number,
  nowMs: number,
): SeenWriter {
  if (seen?.writer !== writer) return { writer, n, firstMs: nowMs, movedMs: nowMs }
  return n === seen.n ? seen : { ...seen, n, movedMs: nowMs }
}

/**
 * The cluster's word counts, but for a pod that takes longer to end than it has: one that says nothing for its whole
 * grace period counts as gone. Where nobody knows, so does a silent writer, and one that still writes when any pod that
 * was ending at the first look must have ended is alive.
 * @param endsWithinMs how long its pod may still write once it was told to end.
 */
export function fateOf(
  seen: SeenWriter,
  answer: PodState | undefined,
  endsWithinMs: number,
  nowMs: number,
): WriterFate {
  if (answer === 'alive' || answer === 'gone') return answer
  if (nowMs >= seen.movedMs + endsWithinMs) return 'gone'
  if (answer === undefined && seen.movedMs >= seen.firstMs + endsWithinMs) return 'alive'
  return 'ending'
}

/** POST /stamp: a `restore-request` for the template of a workload. Nothing is asked of anybody, and nothing is refused. */
import jsonPatch from 'fast-json-patch'
import type { Clock } from '../../shared/clock.ts'
import { newStamp, stamp } from '../workload/stamp.ts'
import { allowed, readReview, type AdmissionAnswer } from './review.ts'
import { changedWorkload } from './changed-workload.ts'

export interface StampDependencies {
  readonly clock: Pick<Clock, 'now'>
}

/** Throws a `BadReviewError` where `body` is no review; every other answer is a review. */
export async function stampWorkload(
  body: unknown,
  { clock }: StampDependencies,
): Promise<AdmissionAnswer> {
  const request = readReview(body)
  const changed = changedWorkload(request)
  if (changed === undefined) return allowed(request, 'untouched')
  const { kind, object, before } = changed
  const stamped = stamp(kind, object, before, newStamp(clock.now(), request.uid))
  if (stamped === object) return allowed(request, 'untouched')
  const patch = jsonPatch.compare(object as object, stamped as object)
  return allowed(request, 'stamped', { patch })
}

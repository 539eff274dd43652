import { isDeepStrictEqual } from 'node:util'
import { isSameRequest, pinRequestOf } from './pin-request.ts'
import type { Workload } from './workload.ts'

/** A workload that is created or changed. */
export interface WorkloadChange {
  readonly workload: Workload
  /** Null: it is created. */
  readonly before: Workload | null
}

/** Deleting, scaling and annotating leave the template as it is. */
export function isTemplateChanged({ workload, before }: WorkloadChange): boolean {
  return before === null || !isDeepStrictEqual(workload.template, before.template)
}

/** Its pods are asked to restore something, and were not asked for the same before. */
export function isNewRequest({ workload, before }: WorkloadChange): boolean {
  const now = pinRequestOf(workload.template)
  if (now.pin === undefined) return false
  return before === null || !isSameRequest(now, pinRequestOf(before.template))
}

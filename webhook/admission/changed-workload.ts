import { workloadKind, type WorkloadKind } from '../workload/workload.ts'
import type { ReviewRequest } from './review.ts'

/** A workload that is created or updated, as the API server has it. */
export interface ChangedWorkload {
  readonly kind: WorkloadKind
  readonly object: unknown
  /** Null: it is created. */
  readonly before: unknown
}

/** Undefined: something else is asked, as of a status or scale, however the webhook is registered. */
export function changedWorkload(request: ReviewRequest): ChangedWorkload | undefined {
  const { operation, subResource, object, oldObject } = request
  const kind = workloadKind(request.kind.group ?? '', request.kind.kind)
  if (kind === undefined || subResource) return undefined
  if (operation === 'CREATE') return { kind, object, before: null }
  return operation === 'UPDATE' ? { kind, object, before: oldObject } : undefined
}

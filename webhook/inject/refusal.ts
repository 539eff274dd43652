import { HoldfastError } from '../../shared/errors.ts'

/** Why a pod is not admitted: one sentence that names the fix. */
export class Refusal extends HoldfastError {
  /** 422: the pod's author can mend it. 403: an administrator has to allow it. 503: try again. */
  readonly code: 422 | 403 | 503
  constructor(message: string, code: 422 | 403 | 503 = 422, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

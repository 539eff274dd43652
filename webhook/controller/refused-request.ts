import { HoldfastError } from '../../shared/errors.ts'

/** Nothing was done, and the same will be refused again, for the reason that the sentence says. */
export class RefusedRequestError extends HoldfastError {
  readonly status: 400 | 401 | 403 | 404 | 409 | 413
  constructor(status: RefusedRequestError['status'], message: string, options?: ErrorOptions) {
    super(message, options)
    this.status = status
  }
}

/** It cannot be said whether it was done, or not done in time. */
export class UnknownOutcomeError extends HoldfastError {}

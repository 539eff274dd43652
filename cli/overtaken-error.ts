import { HoldfastError } from '../shared/errors.ts'

/** Another prune of the same stream was faster: what this one has seen is not so any more. */
export class OvertakenError extends HoldfastError {
  constructor(options?: ErrorOptions) {
    super('another prune has gone ahead with it: let that one finish, and run prune again', options)
  }
}

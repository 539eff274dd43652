import { HoldfastError } from '../errors.ts'

/** What is sealed is whole, as far as can be told, and the key at hand does not open it; or there is none at hand. */
export class WrongKeyError extends HoldfastError {
  override readonly exitCode = 12
}

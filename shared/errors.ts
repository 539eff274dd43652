/** A sentence for people: what was found, where, what is allowed, what to do. Never a stack trace. */
export class HoldfastError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = new.target.name
  }

  /** The exit code of a command that ends with this error (README, "Exit codes"). */
  readonly exitCode: number = 1
}

/** Input that its author can mend: flags, URLs, declarations, versions that read wrong. */
export class UsageError extends HoldfastError {
  override readonly exitCode = 2
}

/** No such repository, stream or version. */
export class NotFoundError extends HoldfastError {
  override readonly exitCode = 10
}

/** An object's bytes are not what was written: a hash, length or shape does not match. */
export class CorruptObjectError extends HoldfastError {
  readonly key: string
  constructor(key: string, problem: string, options?: ErrorOptions) {
    super(`object ${key} is corrupt: ${problem}`, options)
    this.key = key
  }
}

/** An object that a newer release wrote: nothing is wrong with it, and this one must not judge it. */
export class NewerFormatError extends HoldfastError {
  readonly key: string
  constructor(key: string, format: string, options?: ErrorOptions) {
    super(
      `object ${key} is of format ${format}, which this release does not read: use a newer holdfast (the object is not damaged)`,
      options,
    )
    this.key = key
  }
}

/** What a command's exit code says. Errors carry theirs (`shared/errors.ts`). */
export const EXIT = {
  done: 0,
  /** Nothing was made. */
  failed: 1,
  usage: 2,
  /** Made, and not all of it; of verify: something is damaged. The list says what is missing. */
  partial: 3,
  /** No such repository, stream or version. */
  notFound: 10,
  /** The key opens nothing of what is encrypted, or none is given. */
  wrongKey: 12,
  cancelled: 130,
} as const

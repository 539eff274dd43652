/**
 * The note that the app may be frozen: left before `backup.before` is called, taken away once `backup.after` was heard.
 * Beside the control socket, so that it outlives the agent's container and ends with the pod.
 */
import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { HoldfastError } from '../../shared/errors.ts'

export class FrozenNoteError extends HoldfastError {}

export class FrozenNote {
  readonly #path: string

  constructor(path: string) {
    this.#path = path
  }

  isThere(): boolean {
    return existsSync(this.#path)
  }

  /** Throws `FrozenNoteError`. It is empty: there is room for that also where the app has filled the shared memory. */
  leave(): void {
    try {
      writeFileSync(this.#path, '', { mode: 0o600 })
    } catch (error) {
      throw new FrozenNoteError(
        `the note ${this.#path}, by which a restarted agent would know that it has to thaw the app, cannot be written (${(error as NodeJS.ErrnoException).code})`,
        { cause: error },
      )
    }
  }

  takeAway(): void {
    rmSync(this.#path, { force: true })
  }
}

/**
 * That this pod's app was let go, and in which slot: a restarted agent must go on there and change nothing, also where
 * no mark says so yet and another pod has taken the stream over. Beside the control socket, so that it outlives the
 * agent's container and ends with the app's. An empty file: there is room for that also where the app has filled the
 * shared memory.
 */
import { readdirSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'

export class LetGoNote {
  readonly #prefix: string

  /** @param prefix of the file's path; the slot follows. */
  constructor(prefix: string) {
    this.#prefix = prefix
  }

  /** The slot; undefined: the app was not let go. */
  read(): string | undefined {
    const start = path.basename(this.#prefix)
    const found = readdirSync(path.dirname(this.#prefix)).find((name) => name.startsWith(start))
    return found?.slice(start.length)
  }

  /** Throws what the file system says. */
  leave(slot: string): void {
    const before = this.read()
    if (before === slot) return
    if (before !== undefined) rmSync(this.#prefix + before, { force: true })
    writeFileSync(this.#prefix + slot, '', { mode: 0o600 })
  }
}

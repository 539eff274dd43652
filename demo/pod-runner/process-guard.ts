import { type ChildProcess, spawn } from 'node:child_process'
import path from 'node:path'

/** A process beside the runner that kills what the runner leaves behind, also after a crash or Ctrl-C. */
export class ProcessGuard {
  readonly #child: ChildProcess

  constructor() {
    const program = path.join(import.meta.dirname, 'guard', 'main.ts')
    // A session of its own: Ctrl-C must not reach it.
    this.#child = spawn(process.execPath, [program], {
      detached: true,
      stdio: ['pipe', 'ignore', 'inherit'],
      env: {},
    })
    // A write to a guard that somebody killed: there is nobody to tell, the runner still ends its own children.
    this.#child.stdin?.on('error', () => undefined)
    this.#child.unref()
  }

  add(pid: number): void {
    this.#child.stdin?.write(`+${pid}\n`)
  }

  remove(pid: number): void {
    this.#child.stdin?.write(`-${pid}\n`)
  }

  async close(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    this.#child.once('exit', () => resolve())
    this.#child.ref()
    this.#child.stdin?.end()
    await promise
  }
}

import { type ChildProcess, spawn } from 'node:child_process'
import type { ProcessGuard } from './process-guard.ts'
import type { ProcessPlan } from './process-plan.ts'

/** One process and all its descendants, in a process group of their own. They end with it, as in a container. */
export class GroupProcess {
  /** How it ended, in words; `ok` for exit code 0. */
  readonly ended: Promise<{ ok: boolean; how: string }>
  #child: ChildProcess
  #alive = true

  /** Both outputs go to the file descriptor `output`, which stays the caller's to close. */
  constructor({ argv, env, cwd }: ProcessPlan, output: number, guard: ProcessGuard) {
    const [program = '', ...args] = argv
    this.#child = spawn(program, args, {
      cwd,
      env,
      detached: true,
      stdio: ['ignore', output, output],
    })
    const { pid } = this.#child
    if (pid !== undefined) guard.add(pid)
    const { promise, resolve } = Promise.withResolvers<{ ok: boolean; how: string }>()
    this.#child.once('error', (error) => {
      if (pid !== undefined) return
      this.#alive = false
      resolve({ ok: false, how: `could not start: ${error.message}` })
    })
    this.#child.once('exit', (code, signal) => {
      this.killGroup()
      this.#alive = false
      if (pid !== undefined) guard.remove(pid)
      resolve({ ok: code === 0, how: signal ?? `exit code ${code}` })
    })
    this.ended = promise
  }

  get pid(): number | undefined {
    return this.#child.pid
  }

  /** To the main process alone, as a container runtime does. */
  terminate(): void {
    this.#child.kill('SIGTERM')
  }

  killGroup(): void {
    if (!this.#alive || this.pid === undefined) return
    try {
      process.kill(-this.pid, 'SIGKILL')
    } catch (error) {
      // Nobody of the group is left.
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
    }
  }
}

/** Who runs frame jobs: this thread, where there is little to do, else threads that are started for one restore. */
import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import type { Vault } from '../../shared/encryption/vault.ts'
import type { DoneJob, FrameJob } from './frame-job.ts'
import { runFrameJob } from './frame-job.ts'
import { FileRefusedError } from './file-refused-error.ts'
import type { FrameAnswer } from './frame-worker.ts'

export interface FrameWriters {
  /** Jobs that keep all of them busy. */
  readonly jobs: number
  /** The job's body is not to be used any more. Rejects with `FileRefusedError`. */
  run(job: FrameJob): Promise<DoneJob>
  /** Ends them; nothing is under way any more when this resolves. */
  close(): Promise<void>
}

/** Each takes some 30 MiB, and they wait for each other in the file system. */
const MAX_THREADS = 2
/** Starting threads takes some 50 ms of a core: as long as writing so much. */
const MIN_BYTES = 24 * 1024 * 1024
const MIN_FILES = 1000

export function startFrameWriters(vault: Vault, files: number, bytes: number): FrameWriters {
  const threads = Math.min(MAX_THREADS, availableParallelism())
  const isLittle = files < MIN_FILES && bytes < MIN_BYTES
  return isLittle || threads < 2 ? sameThread(vault) : new ThreadWriters(vault, threads)
}

function sameThread(vault: Vault): FrameWriters {
  return {
    jobs: 1,
    run: async (job) => ({ ...runFrameJob(job, vault), memory: job.body.buffer }),
    close: async () => undefined,
  }
}

class ThreadWriters implements FrameWriters {
  readonly jobs: number
  readonly #threads: FrameThread[]

  constructor(vault: Vault, threads: number) {
    this.jobs = threads
    this.#threads = Array.from({ length: threads }, () => new FrameThread(vault))
  }

  run(job: FrameJob): Promise<DoneJob> {
    const [least] = this.#threads.toSorted((a, b) => a.waiting - b.waiting)
    return (least as FrameThread).run(job)
  }

  async close(): Promise<void> {
    await Promise.all(this.#threads.map((thread) => thread.end()))
  }
}

class FrameThread {
  readonly #worker: Worker
  /** Answers come in the order of the jobs. */
  readonly #waiting: PromiseWithResolvers<DoneJob>[] = []
  #failure: Error | undefined

  constructor({ parts }: Vault) {
    this.#worker = new Worker(new URL('./frame-worker.ts', import.meta.url), {
      workerData: parts,
      trackUnmanagedFds: false,
      resourceLimits: { maxYoungGenerationSizeMb: 8 },
    })
    this.#worker.on('message', (answer: FrameAnswer) => this.#settle(answer))
    this.#worker.on('error', (error: Error) => this.#fail(error))
    this.#worker.on('exit', () => this.#fail(new Error('a writing thread has ended')))
  }

  get waiting(): number {
    return this.#waiting.length
  }

  run(job: FrameJob): Promise<DoneJob> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure)
    const answer = Promise.withResolvers<DoneJob>()
    this.#waiting.push(answer)
    this.#worker.postMessage(job, [job.body.buffer])
    return answer.promise
  }

  async end(): Promise<void> {
    await Promise.allSettled(this.#waiting.map(({ promise }) => promise))
    await this.#worker.terminate()
  }

  #settle(answer: FrameAnswer): void {
    const waiting = this.#waiting.shift()
    if ('done' in answer) waiting?.resolve(answer.done)
    else if ('failure' in answer) waiting?.reject(answer.failure)
    else waiting?.reject(new FileRefusedError(answer.row, asSystemError(answer.refused)))
  }

  #fail(error: Error): void {
    this.#failure ??= error
    for (const { reject } of this.#waiting.splice(0)) reject(this.#failure)
  }
}

function asSystemError({ message, ...facts }: { message: string }): Error {
  return Object.assign(new Error(message), facts)
}

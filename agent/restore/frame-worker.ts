/** The program of a writing thread: runs the jobs that it is sent, one after the other. */
import { parentPort, workerData } from 'node:worker_threads'
import type { VaultParts } from '../../shared/encryption/vault.ts'
import { vaultOf } from '../../shared/encryption/vault.ts'
import type { FrameJob, JobOutcome } from './frame-job.ts'
import { runFrameJob } from './frame-job.ts'
import { FileRefusedError } from './file-refused-error.ts'

/** Errors lose their class and their facts between threads. */
export type FrameAnswer =
  | { readonly outcome: JobOutcome }
  | { readonly row: number; readonly refused: SystemFacts }
  | { readonly failure: unknown }

type SystemFacts = Pick<NodeJS.ErrnoException, 'message' | 'code' | 'syscall' | 'path' | 'errno'>

const vault = vaultOf(workerData as VaultParts | undefined)

parentPort?.on('message', (job: FrameJob) => {
  parentPort?.postMessage(answerTo(job), [])
  // At once, and not when the garbage collector comes to it.
  job.body.buffer.transfer(0)
})

function answerTo(job: FrameJob): FrameAnswer {
  try {
    return { outcome: runFrameJob(job, vault) }
  } catch (error) {
    if (!(error instanceof FileRefusedError)) return { failure: error }
    const { message, code, syscall, path, errno } = error.cause as NodeJS.ErrnoException
    return { row: error.row, refused: { message, code, syscall, path, errno } }
  }
}

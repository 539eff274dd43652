/** The program of a writing thread: runs the jobs that it is sent, one after the other. */
import { parentPort, workerData } from 'node:worker_threads'
import type { VaultParts } from '../../shared/encryption/vault.ts'
import { vaultOf } from '../../shared/encryption/vault.ts'
import type { DoneJob, FrameJob } from './frame-job.ts'
import { runFrameJob } from './frame-job.ts'
import { FileRefusedError } from './file-refused-error.ts'

/** Errors lose their class and their facts between threads. */
export type FrameAnswer =
  | { readonly done: DoneJob }
  | { readonly row: number; readonly refused: SystemFacts }
  | { readonly failure: unknown }

type SystemFacts = Pick<NodeJS.ErrnoException, 'message' | 'code' | 'syscall' | 'path' | 'errno'>

const vault = vaultOf(workerData as VaultParts | undefined)

parentPort?.on('message', (job: FrameJob) => {
  const answer = answerTo(job)
  parentPort?.postMessage(answer, 'done' in answer ? [answer.done.memory] : [])
})

function answerTo(job: FrameJob): FrameAnswer {
  try {
    return { done: { ...runFrameJob(job, vault), memory: job.body.buffer } }
  } catch (error) {
    if (!(error instanceof FileRefusedError)) return { failure: error }
    const { message, code, syscall, path, errno } = error.cause as NodeJS.ErrnoException
    return { row: error.row, refused: { message, code, syscall, path, errno } }
  }
}

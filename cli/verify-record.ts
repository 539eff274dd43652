/** Writes down what a run found: damage for the agents, then the verdict for everybody. */
import {
  AccessDeniedError,
  StoreRefusedError,
  UnreachableError,
} from '../shared/object-store/object-store.ts'
import { recordDamage } from '../shared/repository/damage.ts'
import { recordVerdict } from '../shared/repository/verdict.ts'
import type { StreamInRepository } from './repository.ts'
import type { StreamResult } from './verify-stream.ts'

/** The verdict's key; or why it could not be recorded, as with credentials that may only read. */
export type Recorded = { readonly key: string } | { readonly problem: string } | undefined

/** Undefined where there is no version to say anything of. */
export async function recordResult(
  { store, log }: StreamInRepository,
  result: StreamResult,
): Promise<Recorded> {
  const { range, coverage, damaged, notices, versions, chunks, checkedChunks, readBytes } = result
  if (range === undefined) return undefined
  try {
    for (const notice of notices) await recordDamage(store, log.stream, notice)
    const vault = await log.vaults.reading(result.keyId)
    const verdict = {
      ...range,
      percent: coverage.percent,
      seed: coverage.percent === 100 ? null : coverage.seed,
      checked: { versions, chunks: checkedChunks, ofChunks: chunks, bytes: readBytes },
      damaged: [...damaged],
    }
    return { key: await recordVerdict(store, log.stream, verdict, vault) }
  } catch (error) {
    const mayNotWrite =
      error instanceof AccessDeniedError ||
      error instanceof StoreRefusedError ||
      error instanceof UnreachableError
    if (mayNotWrite) return { problem: error.message }
    throw error
  }
}

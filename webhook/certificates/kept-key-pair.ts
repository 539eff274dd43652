/** Every replica's part: serves what is in the Secret, from a few seconds after it is put there. */
import type { Clock } from '../../shared/clock.ts'
import type { CertificateStore } from './certificate-store.ts'
import type { KeyPair } from './key-pair.ts'
import { servedPair } from './kept-certificates.ts'

export interface KeptKeyPair {
  readonly store: CertificateStore
  readonly clock: Clock
  /** The Secret is another than before. One that is gone, or holds none, changes nothing. */
  readonly onChange: (pair: KeyPair) => void
  /** The Secret cannot be read for the moment. */
  readonly onError: (error: unknown) => void
}

/** Asked for again and again: a watch can be behind without a sign of it, and this is one small object. */
const LOOK_MS = 5000

/** Until the signal aborts. */
export async function followKeyPair(kept: KeptKeyPair, signal: AbortSignal): Promise<void> {
  let current: string | undefined
  while (!signal.aborted) {
    try {
      const secret = await kept.store.read()
      if (secret !== undefined && secret.resourceVersion !== current) {
        current = secret.resourceVersion
        const pair = servedPair(secret.data)
        if (pair !== undefined) kept.onChange(pair)
      }
    } catch (error) {
      kept.onError(error)
    }
    await kept.clock.sleep(LOOK_MS, signal)
  }
}

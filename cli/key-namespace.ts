/** What `holdfast key …` acts on: one namespace's wrapped keys, and the key at hand. */
import type { KeyEncryptionKey } from '../shared/encryption/key-encryption-key.ts'
import { readKeyEncryptionKey } from '../shared/encryption/key-encryption-key.ts'
import { noKeyGiven } from '../shared/encryption/keyring.ts'
import type { FoundWrap } from '../shared/encryption/wrap-chain.ts'
import { listWraps } from '../shared/encryption/wrap-chain.ts'
import type { OpenRepository } from './repository.ts'
import { openRepository } from './repository.ts'
import type { CommonOptions, Surroundings } from './surroundings.ts'

export interface KeyOptions extends CommonOptions {
  readonly namespace: string
}

export interface KeyNamespace extends OpenRepository {
  readonly namespace: string
  /** Newest first; none: the namespace is in clear. */
  readonly wraps: readonly FoundWrap[]
  /** What HOLDFAST_KEY or HOLDFAST_KEY_FILE gives. */
  readonly key: KeyEncryptionKey | undefined
}

export async function openKeyNamespace(
  options: KeyOptions,
  surroundings: Surroundings,
): Promise<KeyNamespace> {
  const { namespace } = options
  const key = readKeyEncryptionKey(surroundings.environment, 'HOLDFAST_KEY')
  const repository = await openRepository(options, surroundings)
  return { ...repository, namespace, wraps: await listWraps(repository.store, namespace), key }
}

/** Throws a `WrongKeyError` when none is given. */
export function requireKey({ store, namespace, key }: KeyNamespace): KeyEncryptionKey {
  if (key === undefined) throw noKeyGiven(store, namespace)
  return key
}

/** What a program can open and seal in one namespace: read once, when it starts. */
import { NotFoundError } from '../errors.ts'
import type { ObjectStore } from '../object-store/object-store.ts'
import type { StreamName } from '../stream-name.ts'
import { formatStreamName } from '../stream-name.ts'
import { wrapsPrefix } from '../repository/object-keys.ts'
import type { KeyEncryptionKey } from './key-encryption-key.ts'
import type { DataKey } from './key-wrap.ts'
import type { Vault } from './vault.ts'
import { PLAIN_VAULT, createVault } from './vault.ts'
import { listWraps, unwrapNewest } from './wrap-chain.ts'
import { WrongKeyError } from './wrong-key-error.ts'

export interface Keyring {
  /** The key that everything new is sealed with; undefined: the namespace is in clear. */
  readonly keyId: string | undefined

  /**
   * For reading what names this key in its header (undefined: what is in clear), and with `keyring.keyId` for writing.
   * Throws a `WrongKeyError` when this is not the key.
   */
  vault(stream: StreamName, keyId: string | undefined): Vault
}

/** Of a namespace without a key. */
export const PLAIN_KEYRING: Keyring = {
  keyId: undefined,
  vault(stream, keyId) {
    if (keyId === undefined) return PLAIN_VAULT
    throw new WrongKeyError(
      `stream ${formatStreamName(stream)} is sealed with key ${keyId}, and namespace ${stream.namespace} has no key`,
    )
  },
}

/**
 * Reads the namespace's wraps: one LIST, and one GET for each. Throws a `WrongKeyError` when there are some and the key
 * is another one, or none is given: whoever cannot seal must not write. Throws a `NotFoundError` when there are none
 * and a key is given: what was to be sealed is never written in clear. A store without access or answer is neither.
 */
export async function openKeyring(
  store: ObjectStore,
  namespace: string,
  keyEncryptionKey: KeyEncryptionKey | undefined,
): Promise<Keyring> {
  const wraps = await listWraps(store, namespace)
  if (wraps.length === 0 && keyEncryptionKey === undefined) return PLAIN_KEYRING
  if (wraps.length === 0) throw noDataKey(store, namespace)
  if (keyEncryptionKey === undefined) throw noKeyGiven(store, namespace)
  return createKeyring(namespace, unwrapNewest(namespace, wraps, keyEncryptionKey))
}

/** Of a namespace whose data key is at hand. */
export function createKeyring(namespace: string, dataKey: DataKey): Keyring {
  return {
    keyId: dataKey.id,
    vault(stream, keyId) {
      if (keyId === undefined) return PLAIN_VAULT
      if (keyId === dataKey.id) return createVault(dataKey.bytes, dataKey.id, stream)
      throw new WrongKeyError(
        `stream ${formatStreamName(stream)} is sealed with key ${keyId}; the one of namespace ${namespace} is ${dataKey.id}`,
      )
    },
  }
}

export function noDataKey({ url }: ObjectStore, namespace: string): NotFoundError {
  return new NotFoundError(
    `namespace ${namespace} has no key at ${url} (nothing below ${wrapsPrefix(namespace)}): "holdfast key init" makes one`,
  )
}

export function noKeyGiven({ url }: ObjectStore, namespace: string): WrongKeyError {
  return new WrongKeyError(
    `namespace ${namespace} at ${url} is encrypted, and no key is given: set HOLDFAST_KEY or HOLDFAST_KEY_FILE`,
  )
}

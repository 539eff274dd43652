/**
 * The wraps of a namespace's data key, newest first. Number 1 is created once, so that a namespace has one data key
 * whoever else makes one at the same time; each rotation takes the next number. Older wraps open until they are removed.
 */
import { randomBytes } from 'node:crypto'
import { CorruptObjectError } from '../errors.ts'
import type { ObjectStore } from '../object-store/object-store.ts'
import { numberOfWrapKey, wrapKey, wrapsPrefix } from '../repository/object-keys.ts'
import type { KeyEncryptionKey } from './key-encryption-key.ts'
import type { DataKey, KeyWrap } from './key-wrap.ts'
import { decodeWrap, encodeWrap, unwrapDataKey } from './key-wrap.ts'
import { KEY_BYTES } from './seal.ts'
import { WrongKeyError } from './wrong-key-error.ts'

const KEY_ID_BYTES = 8

/** A wrap as it was found: `damage` instead of `wrap` where it does not read. */
export interface FoundWrap {
  readonly n: number
  readonly modifiedAt: Date
  readonly wrap: KeyWrap | undefined
  readonly damage: CorruptObjectError | undefined
}

/** A new data key, which nobody has yet. */
export function newDataKey(): DataKey {
  return { id: randomBytes(KEY_ID_BYTES).toString('hex'), bytes: randomBytes(KEY_BYTES) }
}

/** Throws what the store throws: no access, or no answer, is never "no key". */
export async function listWraps(store: ObjectStore, namespace: string): Promise<FoundWrap[]> {
  const found: FoundWrap[] = []
  for (const { key, modifiedAt } of await store.list(wrapsPrefix(namespace))) {
    const n = numberOfWrapKey(key)
    const object = n === undefined ? undefined : await store.get(key)
    if (n === undefined || object === undefined) continue // another's object, or removed since it was listed
    found.push({ n, modifiedAt, ...readWrap(key, object.body) })
  }
  return found
}

function readWrap(key: string, object: Buffer): Pick<FoundWrap, 'wrap' | 'damage'> {
  try {
    return { wrap: decodeWrap(key, object), damage: undefined }
  } catch (error) {
    if (!(error instanceof CorruptObjectError)) throw error
    return { wrap: undefined, damage: error }
  }
}

/** False: the number has another wrap. An attempt of this very wrap whose answer was lost counts as created. */
export async function createWrap(store: ObjectStore, wrap: KeyWrap): Promise<boolean> {
  const key = wrapKey(wrap.namespace, wrap.n)
  if ((await store.create(key, encodeWrap(wrap))) === 'created') return true
  const object = await store.get(key)
  return object !== undefined && decodeWrap(key, object.body).id === wrap.id
}

/**
 * The data key out of the newest wrap that this key opens. Throws `WrongKeyError` when all wraps are another key's,
 * `CorruptObjectError` when one that does not read may have been this key's.
 */
export function unwrapNewest(
  namespace: string,
  wraps: readonly FoundWrap[],
  { bytes, from }: KeyEncryptionKey,
): DataKey {
  let damage: CorruptObjectError | undefined
  for (const found of wraps) {
    const opened = tryWrap(found, bytes)
    if (opened.dataKey !== undefined) return opened.dataKey
    damage ??= opened.damage
  }
  if (damage !== undefined) throw damage
  throw new WrongKeyError(
    `the key in ${from} is not the one of namespace ${namespace}: it opens none of the ${wraps.length} wrapped key(s) below ${wrapsPrefix(namespace)}`,
  )
}

/** Both undefined: the wrap is another key's. */
export function tryWrap(
  { wrap, damage }: FoundWrap,
  keyEncryptionKey: Buffer,
): { readonly dataKey?: DataKey | undefined; readonly damage?: CorruptObjectError | undefined } {
  if (wrap === undefined) return { damage }
  try {
    return { dataKey: unwrapDataKey(wrap, keyEncryptionKey) }
  } catch (error) {
    if (error instanceof CorruptObjectError) return { damage: error }
    throw error
  }
}

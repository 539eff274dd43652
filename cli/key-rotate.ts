/**
 * `holdfast key rotate`: a further wrap of the same data key. Until `--remove-old` both keys open, so that pods can be
 * given the new one, one after the other.
 */
import { HoldfastError, UsageError } from '../shared/errors.ts'
import type { KeyEncryptionKey } from '../shared/encryption/key-encryption-key.ts'
import { readKeyEncryptionKey } from '../shared/encryption/key-encryption-key.ts'
import { wrapDataKey } from '../shared/encryption/key-wrap.ts'
import { noDataKey, openKeyring } from '../shared/encryption/keyring.ts'
import { createWrap, listWraps, tryWrap, unwrapNewest } from '../shared/encryption/wrap-chain.ts'
import { wrapKey } from '../shared/repository/object-keys.ts'
import { EXIT } from './exit-codes.ts'
import type { KeyNamespace, KeyOptions } from './key-namespace.ts'
import { openKeyNamespace, requireKey } from './key-namespace.ts'
import type { Surroundings } from './surroundings.ts'

export interface KeyRotateOptions extends KeyOptions {
  readonly removeOld: boolean
}

export async function keyRotate(
  options: KeyRotateOptions,
  surroundings: Surroundings,
): Promise<number> {
  const { terminal } = surroundings
  const newKey = readKeyEncryptionKey(surroundings.environment, 'HOLDFAST_NEW_KEY')
  if (newKey === undefined && !options.removeOld)
    throw new UsageError(
      'no new key is given: set HOLDFAST_NEW_KEY or HOLDFAST_NEW_KEY_FILE; with --remove-old alone, what HOLDFAST_KEY does not open is removed',
    )
  const from = await openKeyNamespace(options, surroundings)
  const { namespace } = from
  const key = requireKey(from)
  if (from.wraps.length === 0) throw noDataKey(from.store, namespace)
  const dataKey = unwrapNewest(namespace, from.wraps, key)
  const made = newKey === undefined ? undefined : await addWrap(from, key, newKey)
  const removed = options.removeOld ? await removeOthers(from, newKey ?? key) : []
  if (options.output === 'json')
    terminal.printJson({ namespace, key: dataKey.id, wrap: made ?? null, removed })
  else terminal.print(summary(namespace, made, removed))
  if (made !== undefined && !options.removeOld)
    terminal.note(
      'both keys open it now: give every pod and script the new one, then remove the old with --remove-old',
    )
  if (removed.length > 0)
    terminal.note(
      'other keys open nothing here any more: whoever still has one is refused at the next start. The data key is the same: a copy of it, or of a removed wrap in an older version of the bucket, still opens',
    )
  return EXIT.done
}

/** @returns the number of the new wrap, which has been read back. */
async function addWrap(
  { store, patience, namespace, wraps }: KeyNamespace,
  key: KeyEncryptionKey,
  newKey: KeyEncryptionKey,
): Promise<number> {
  if (newKey.bytes.equals(key.bytes))
    throw new UsageError(
      `the keys in ${newKey.from} and ${key.from} are the same: nothing to rotate`,
    )
  const dataKey = unwrapNewest(namespace, wraps, key)
  const n = (wraps[0]?.n ?? 0) + 1
  const at = patience.clock.now().toISOString()
  if (!(await createWrap(store, wrapDataKey({ namespace, n, at }, dataKey, newKey.bytes))))
    throw new HoldfastError(
      `somebody else rotated the key of namespace ${namespace} at the same time: look with "holdfast key check", then rotate again`,
    )
  await openKeyring(store, namespace, newKey)
  return n
}

/** Removes the wraps that are other keys'; one that does not read stays, since nobody can tell whose it is. */
async function removeOthers(
  { store, namespace }: KeyNamespace,
  key: KeyEncryptionKey,
): Promise<number[]> {
  const wraps = await listWraps(store, namespace)
  unwrapNewest(namespace, wraps, key)
  const others = wraps.filter((found) => {
    const { dataKey, damage } = tryWrap(found, key.bytes)
    return dataKey === undefined && damage === undefined
  })
  for (const { n } of others) await store.delete(wrapKey(namespace, n))
  return others.map(({ n }) => n)
}

function summary(namespace: string, made: number | undefined, removed: readonly number[]): string {
  const lines = [
    made === undefined ? [] : `namespace ${namespace}: the new key opens it (wrap ${made})`,
    removed.length === 0 ? [] : `removed the wraps of other keys: ${removed.join(', ')}`,
  ].flat()
  return lines.length > 0 ? lines.join('\n') : `namespace ${namespace}: no other key opens it`
}

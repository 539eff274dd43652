/**
 * A wrap: a namespace's data key, sealed with a key-encryption key. The data key never changes; a rotation writes
 * another wrap of it. `check` tells a key that is not the wrap's from a wrap that was changed.
 */
import { randomUUID } from 'node:crypto'
import * as v from 'valibot'
import { CorruptObjectError } from '../errors.ts'
import { decodeHeader, encodeObject } from '../repository/object-file.ts'
import { FORMAT } from '../repository/log-record.ts'
import { wrapKey } from '../repository/object-keys.ts'
import { KEY_BYTES, deriveKey, seal, unseal } from './seal.ts'

const CHECK_PURPOSE = 'holdfast/1 key check'
const CHECK_BYTES = 8

export const WrapSchema = v.object({
  format: v.literal(FORMAT),
  kind: v.literal('key'),
  namespace: v.string(),
  n: v.pipe(v.number(), v.integer(), v.minValue(1)),
  /** Told apart by this when a PUT had no answer. */
  id: v.string(),
  /** The data key's id, random; objects say by it what they are sealed with. */
  key: v.pipe(v.string(), v.regex(/^[0-9a-f]{16}$/)),
  /** The clock of who made it, for people. */
  at: v.string(),
  check: v.string(),
  wrapped: v.pipe(v.string(), v.base64()),
})
export type KeyWrap = v.InferOutput<typeof WrapSchema>

export interface DataKey {
  /** 16 hex digits. */
  readonly id: string
  readonly bytes: Buffer
}

/** @param at for people. */
export function wrapDataKey(
  { namespace, n, at }: Pick<KeyWrap, 'namespace' | 'n' | 'at'>,
  dataKey: DataKey,
  keyEncryptionKey: Buffer,
): KeyWrap {
  const id = randomUUID()
  const body = { format: FORMAT, kind: 'key', namespace, n, id, key: dataKey.id, at } as const
  const wrapped = seal(keyEncryptionKey, wrapPurpose(body), dataKey.bytes)
  return { ...body, check: checkOf(keyEncryptionKey, id), wrapped: wrapped.toString('base64') }
}

/** The data key; undefined when the wrap is another key's. Throws `CorruptObjectError` when it is this one's, and was changed. */
export function unwrapDataKey(wrap: KeyWrap, keyEncryptionKey: Buffer): DataKey | undefined {
  if (wrap.check !== checkOf(keyEncryptionKey, wrap.id)) return undefined
  const sealed = Buffer.from(wrap.wrapped, 'base64')
  const bytes = unseal(keyEncryptionKey, wrapPurpose(wrap), sealed)
  if (bytes?.length === KEY_BYTES) return { id: wrap.key, bytes }
  throw new CorruptObjectError(
    wrapKey(wrap.namespace, wrap.n),
    'the key at hand is its own, and does not open it: it was changed',
  )
}

/** What a wrap says of itself is part of what it is sealed with. */
function wrapPurpose({ namespace, key }: Pick<KeyWrap, 'namespace' | 'key'>): string {
  return `holdfast/1 wrap ${namespace} ${key}`
}

/** Salted with the wrap's id: nobody sees by it that two namespaces have one key. */
function checkOf(keyEncryptionKey: Buffer, id: string): string {
  return deriveKey(keyEncryptionKey, CHECK_PURPOSE, Buffer.from(id), CHECK_BYTES).toString('hex')
}

export function encodeWrap(wrap: KeyWrap): Buffer {
  return encodeObject([], wrap)
}

/** Reads a wrap from untrusted bytes. Throws `CorruptObjectError`, also when it stands under another's key. */
export function decodeWrap(key: string, object: Buffer): KeyWrap {
  const result = v.safeParse(WrapSchema, decodeHeader(key, object))
  if (result.success && wrapKey(result.output.namespace, result.output.n) === key)
    return result.output
  throw new CorruptObjectError(key, 'it is no wrapped key, or stands under the key of another one')
}

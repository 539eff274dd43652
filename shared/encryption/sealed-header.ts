/**
 * Headers of format 2: what the log and the service need stays in clear, what is hidden stands as empty lists, and
 * `sealed` has the lists. Its tag covers the rest of the header, too: the header's own line, as it would be without
 * `sealed`, is the additional data. So a version cannot be given another number, parent, image or manifest unnoticed.
 */
import * as v from 'valibot'
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { CorruptObjectError } from '../errors.ts'
import { SEALED_FORMAT } from '../repository/log-record.ts'
import { seal, unseal } from './seal.ts'
import { WrongKeyError } from './wrong-key-error.ts'

/** As for headers: what a hostile object says of itself is not unpacked beyond it. */
const MAX_HIDDEN_BYTES = 64 * 1024 ** 2

const SealedSchema = v.looseObject({
  format: v.literal(SEALED_FORMAT),
  key: v.string(),
  sealed: v.pipe(v.string(), v.base64()),
})
const HiddenSchema = v.record(v.string(), v.array(v.unknown()))

/** The id of the data key that an object is sealed with; undefined for one in clear, or that is none of ours. */
export function keyIdOfHeader(header: unknown): string | undefined {
  const result = v.safeParse(SealedSchema, header)
  return result.success ? result.output.key : undefined
}

/** What headers of one stream are sealed with. */
export interface HeaderKey {
  readonly dataKey: Buffer
  readonly keyId: string
  readonly purpose: string
}

export function sealHeader<H extends object>(
  { dataKey, keyId, purpose }: HeaderKey,
  header: H,
  hidden: readonly (keyof H & string)[],
): object {
  const lists = Object.fromEntries(hidden.map((name) => [name, header[name]]))
  const emptied = Object.fromEntries(hidden.map((name) => [name, []]))
  const clear = { ...header, ...emptied, format: SEALED_FORMAT, key: keyId }
  const plain = zstdCompressSync(Buffer.from(JSON.stringify(lists)))
  const sealed = seal(dataKey, purpose, plain, Buffer.from(JSON.stringify(clear)))
  return { ...clear, sealed: sealed.toString('base64') }
}

/** The header as it was, but for `format` and `key`. */
export function openHeader(
  { dataKey, keyId, purpose }: HeaderKey,
  key: string,
  header: unknown,
): unknown {
  if (!v.is(SealedSchema, header))
    throw new CorruptObjectError(key, 'it should be sealed, and is in clear')
  // Not the schema's output: its fields would stand in another order, and their order is part of the text.
  const { sealed, ...clear } = header
  if (clear.key !== keyId)
    throw new WrongKeyError(`object ${key} is sealed with key ${clear.key}, not with ${keyId}`)
  const additional = Buffer.from(JSON.stringify(clear))
  const plain = unseal(dataKey, purpose, Buffer.from(sealed, 'base64'), additional)
  if (plain === undefined)
    throw new CorruptObjectError(key, 'its header, or what is sealed in it, is not as it was')
  return { ...clear, ...decodeHidden(key, plain) }
}

function decodeHidden(key: string, plain: Buffer): v.InferOutput<typeof HiddenSchema> {
  try {
    const text = zstdDecompressSync(plain, { maxOutputLength: MAX_HIDDEN_BYTES }).toString()
    return v.parse(HiddenSchema, JSON.parse(text))
  } catch (cause) {
    throw new CorruptObjectError(key, 'what is sealed in its header does not read', { cause })
  }
}

/** A header in clear, as it is. */
export function requireClear(key: string, header: unknown): unknown {
  const keyId = keyIdOfHeader(header)
  if (keyId === undefined) return header
  throw new WrongKeyError(`object ${key} is sealed with key ${keyId}, and no key is given`)
}

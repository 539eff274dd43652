/** The key that unwraps data keys. It comes from the environment, and never goes anywhere. */
import { readFileSync } from 'node:fs'
import { UsageError } from '../errors.ts'
import { KEY_BYTES } from './seal.ts'

export type Environment = Readonly<Record<string, string | undefined>>

/** A key-encryption key, with the name of the variable that it came from, for messages. */
export interface KeyEncryptionKey {
  readonly bytes: Buffer
  readonly from: string
}

const CODINGS = [
  { pattern: /^[0-9a-fA-F]{64}$/, encoding: 'hex' },
  { pattern: /^[A-Za-z0-9+/_-]{43}=?$/, encoding: 'base64' },
] as const

/**
 * The key in the variable `name` itself, or in the file that `<name>_FILE` names; undefined when neither is set.
 * An empty variable counts as not set. Throws a `UsageError` that never shows the value.
 */
export function readKeyEncryptionKey(
  environment: Environment,
  name: 'HOLDFAST_KEY' | 'HOLDFAST_NEW_KEY',
): KeyEncryptionKey | undefined {
  const text = environment[name]?.trim() || undefined
  const file = environment[`${name}_FILE`]?.trim() || undefined
  if (text !== undefined && file !== undefined)
    throw new UsageError(`${name} and ${name}_FILE are both set: one of them is enough`)
  if (text !== undefined) return { bytes: parseKey(name, text), from: name }
  if (file === undefined) return undefined
  const from = `${name}_FILE`
  return { bytes: parseKey(`the file ${file} of ${from}`, readText(from, file).trim()), from }
}

function readText(name: string, file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (cause) {
    const { code = 'an unknown error' } = cause as NodeJS.ErrnoException
    throw new UsageError(`the file ${file} of ${name} cannot be read: ${code}`, { cause })
  }
}

function parseKey(what: string, text: string): Buffer {
  for (const { pattern, encoding } of CODINGS)
    if (pattern.test(text)) return Buffer.from(text, encoding)
  throw new UsageError(
    `${what} holds ${text.length} characters that are no key: allowed are ${KEY_BYTES} random bytes in base64 or hex; "openssl rand -base64 ${KEY_BYTES}" makes some`,
  )
}

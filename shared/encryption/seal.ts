/**
 * The one way in which anything is sealed, be it a frame, a header or a key:
 *
 *   salt (16 bytes, random)   the subkey: HKDF-SHA256(secret, salt, purpose), 32 bytes, for this one message
 *   ciphertext                AES-256-GCM under the subkey; as long as the plain bytes
 *   tag (16 bytes)            over the ciphertext and the additional data
 *
 * A subkey seals one message only, so its nonce is constant (96 zero bits): no counter to keep, none to repeat after a
 * crash, and no number of messages after which random nonces under one key would collide. Sealed bytes are whole in
 * themselves: they may be copied to another object and are opened knowing the secret and the purpose alone.
 */
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto'

export const KEY_BYTES = 32
const SALT_BYTES = 16
const TAG_BYTES = 16
const CIPHER = 'aes-256-gcm'
const NONCE = Buffer.alloc(12)
const NOTHING: Buffer = Buffer.alloc(0)
/** What sealing adds to the plain bytes. */
export const SEAL_BYTES = SALT_BYTES + TAG_BYTES

/** A key of `lengthBytes` for one purpose; keys for two purposes, or salts, tell nothing about each other or the secret. */
export function deriveKey(
  secret: Buffer,
  purpose: string,
  salt = NOTHING,
  lengthBytes = KEY_BYTES,
): Buffer {
  return Buffer.from(hkdfSync('sha256', secret, salt, purpose, lengthBytes))
}

/** @param additional is not stored, and has to be the same when the bytes are opened. */
export function seal(
  secret: Buffer,
  purpose: string,
  plain: Buffer,
  additional: Buffer = NOTHING,
): Buffer {
  const salt = randomBytes(SALT_BYTES)
  const cipher = createCipheriv(CIPHER, deriveKey(secret, purpose, salt), NONCE)
  cipher.setAAD(additional)
  const ciphertext = cipher.update(plain)
  cipher.final()
  return Buffer.concat([salt, ciphertext, cipher.getAuthTag()])
}

/** The plain bytes. Undefined when the secret, the purpose, the additional data or any bit of `sealed` is not as it was. */
export function unseal(
  secret: Buffer,
  purpose: string,
  sealed: Buffer,
  additional: Buffer = NOTHING,
): Buffer | undefined {
  if (sealed.length < SEAL_BYTES) return undefined
  const salt = sealed.subarray(0, SALT_BYTES)
  const decipher = createDecipheriv(CIPHER, deriveKey(secret, purpose, salt), NONCE, {
    authTagLength: TAG_BYTES,
  })
  decipher.setAAD(additional)
  decipher.setAuthTag(sealed.subarray(-TAG_BYTES))
  const plain = decipher.update(sealed.subarray(SALT_BYTES, -TAG_BYTES))
  try {
    decipher.final()
    return plain
  } catch {
    return undefined // node says only "unable to authenticate data", for each of the reasons above
  }
}

import { createHmac, hash, randomBytes, webcrypto } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { createKeyedHash } from '../../../shared/encryption/keyed-hash.ts'
import { SEAL_BYTES, seal, unseal } from '../../../shared/encryption/seal.ts'

const SECRET = Buffer.alloc(32, 7)
const PURPOSE = 'holdfast/1 frame shop/shop/0'

describe('what is sealed', () => {
  it('opens with a second implementation of what the format says', async () => {
    const sealed = seal(SECRET, PURPOSE, Buffer.from('two pears'), Buffer.from('beside'))
    expect(await unsealByWebCrypto(sealed, 'beside')).toBe('two pears')
  })

  it('opens as it was sealed by an earlier release', () => {
    const sealed = 'AAECAwQFBgcICQoLDA0ODwIsc0S2MBKqnrARQKS0nmq7YZ2U6CrH'
    expect(unseal(SECRET, PURPOSE, Buffer.from(sealed, 'base64'))?.toString()).toBe('one fig')
  })

  it('is as long as said, and never the same twice', () => {
    const plain = randomBytes(1000)
    const [a, b] = [seal(SECRET, PURPOSE, plain), seal(SECRET, PURPOSE, plain)]
    expect(a).toHaveLength(plain.length + SEAL_BYTES)
    expect(a.equals(b)).toBe(false)
    expect(a.includes(plain.subarray(0, 16))).toBe(false)
  })

  it('may be empty', () => {
    expect(unseal(SECRET, PURPOSE, seal(SECRET, PURPOSE, Buffer.alloc(0)))).toHaveLength(0)
  })

  it('does not open when a single bit of salt, ciphertext or tag differs', () => {
    const sealed = seal(SECRET, PURPOSE, Buffer.from('one fig'))
    for (let bit = 0; bit < sealed.length * 8; bit++) {
      const changed = Buffer.from(sealed)
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      expect(unseal(SECRET, PURPOSE, changed), `bit ${bit}`).toBeUndefined()
    }
  })

  it('does not open when it is cut off, or longer than it was', () => {
    const sealed = seal(SECRET, PURPOSE, Buffer.from('one fig'))
    for (let length = 0; length < sealed.length; length++)
      expect(unseal(SECRET, PURPOSE, sealed.subarray(0, length)), `${length}`).toBeUndefined()
    expect(unseal(SECRET, PURPOSE, Buffer.concat([sealed, Buffer.alloc(1)]))).toBeUndefined()
  })

  it('does not open with another secret, for another purpose, or beside other data', () => {
    const beside = Buffer.from('beside')
    const sealed = seal(SECRET, PURPOSE, Buffer.from('one fig'), beside)
    expect(unseal(SECRET, PURPOSE, sealed, beside)?.toString()).toBe('one fig')
    expect(unseal(Buffer.alloc(32, 8), PURPOSE, sealed, beside)).toBeUndefined()
    expect(unseal(SECRET, 'holdfast/1 frame shop/shop/1', sealed, beside)).toBeUndefined()
    expect(unseal(SECRET, PURPOSE, sealed, Buffer.from('besides'))).toBeUndefined()
    expect(unseal(SECRET, PURPOSE, sealed)).toBeUndefined()
  })
})

/** Salt, ciphertext, tag; HKDF-SHA256, AES-256-GCM, a nonce of zeros: as docs/format.md has it, in another library. */
async function unsealByWebCrypto(sealed: Buffer, additional: string): Promise<string> {
  const { subtle } = webcrypto
  const secret = await subtle.importKey('raw', SECRET, 'HKDF', false, ['deriveKey'])
  const subkey = await subtle.deriveKey(
    {
      name: 'HKDF',
      hash: 'SHA-256',
      salt: sealed.subarray(0, 16),
      info: Buffer.from(PURPOSE),
    },
    secret,
    { name: 'AES-GCM', length: 256 },
    false,
    ['decrypt'],
  )
  const plain = await subtle.decrypt(
    { name: 'AES-GCM', iv: new Uint8Array(12), additionalData: Buffer.from(additional) },
    subkey,
    sealed.subarray(16),
  )
  return Buffer.from(plain).toString()
}

describe('a keyed hash', () => {
  it('is the HMAC of the SHA-256', () => {
    const key = randomBytes(32)
    const keyedHash = createKeyedHash(key)
    for (const bytes of [Buffer.alloc(0), Buffer.from('one fig'), randomBytes(100_000)]) {
      const digest = hash('sha256', bytes, 'buffer')
      expect(keyedHash(digest)).toEqual(createHmac('sha256', key).update(digest).digest())
    }
  })
})

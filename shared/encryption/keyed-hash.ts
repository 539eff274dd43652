/**
 * HMAC-SHA256 of a SHA-256. The long step, over all bytes, needs no key: any thread may do it, and `crypto.hash` does it
 * for small files in a twentieth of the time that an `Hmac` object takes. This one is spelled out for the same reason.
 */
import { hash } from 'node:crypto'

const BLOCK_BYTES = 64
const DIGEST_BYTES = 32

/** @returns a function from a SHA-256 to 32 bytes, which tell nothing about it to whoever lacks the key. */
export function createKeyedHash(key: Buffer): (digest: Buffer) => Buffer {
  const inner = paddedKey(key, 0x36)
  const outer = paddedKey(key, 0x5c)
  return (digest) =>
    hash('sha256', follow(outer, hash('sha256', follow(inner, digest), 'buffer')), 'buffer')
}

/** The block with a digest behind it. It is used again by the next call. */
function follow(block: Buffer, digest: Buffer): Buffer {
  digest.copy(block, BLOCK_BYTES)
  return block
}

/** HMAC's block for one of its two passes, with room for the digest that follows it. The key has one block at most. */
function paddedKey(key: Buffer, pad: number): Buffer {
  const block = Buffer.alloc(BLOCK_BYTES + DIGEST_BYTES)
  key.copy(block)
  for (let i = 0; i < BLOCK_BYTES; i++) block[i] = (block[i] ?? 0) ^ pad
  return block
}

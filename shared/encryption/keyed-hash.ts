/**
 * HMAC-SHA256 of the SHA-256 of bytes. Two steps, so that the long one is `crypto.hash`, which for small files costs a
 * twentieth of an `Hmac` object; the outer one is a pseudo-random function of a digest that nobody can find twice.
 */
import { hash } from 'node:crypto'

const BLOCK_BYTES = 64
const DIGEST_BYTES = 32

/** @returns a function from bytes to 64 hex digits, which tell nothing about them to whoever lacks the key. */
export function createKeyedHash(key: Buffer): (bytes: Buffer) => string {
  const inner = paddedKey(key, 0x36)
  const outer = paddedKey(key, 0x5c)
  return (bytes) => {
    const digest = hash('sha256', bytes, 'buffer')
    return hash('sha256', follow(outer, hash('sha256', follow(inner, digest), 'buffer')), 'hex')
  }
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

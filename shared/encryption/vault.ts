/** How the bytes of one stream are named, sealed and opened; without a key, named by their plain hash and left as they are. */
import { hash } from 'node:crypto'
import { CorruptObjectError } from '../errors.ts'
import type { StreamName } from '../stream-name.ts'
import { formatStreamName } from '../stream-name.ts'
import { createKeyedHash } from './keyed-hash.ts'
import { SEAL_BYTES, deriveKey, seal, unseal } from './seal.ts'
import { openHeader, requireClear, sealHeader } from './sealed-header.ts'

export interface VaultParts {
  readonly dataKey: Uint8Array
  readonly keyId: string
  readonly stream: StreamName
}

export interface Vault {
  /** Names the data key in the headers of what this vault seals; undefined: nothing is sealed. */
  readonly keyId: string | undefined

  /** What another thread of this process needs to have the same vault; undefined: nothing is sealed. */
  readonly parts: VaultParts | undefined

  /** The name of plain bytes, 32 bytes: of a chunk, and of a manifest as its header says it. */
  chunkId(plain: Buffer): Buffer

  /** The same, where their SHA-256 (32 bytes) is known already. */
  idOfDigest(sha256: Buffer): Buffer

  /** How much longer a stored frame is than what `seal` was given. */
  readonly sealBytes: number

  /** What is stored of a frame, which has been compressed before. */
  seal(frame: Buffer): Buffer

  /** The frame again. Throws `CorruptObjectError` for the object `key` when any bit differs, or it is another stream's. */
  open(key: string, stored: Buffer): Buffer

  /**
   * A header, ready to be encoded, in which these lists are hidden, and which cannot be changed unnoticed. Without a key,
   * the header itself.
   */
  sealHeader<H extends object>(header: H, ...hidden: readonly (keyof H & string)[]): object

  /** The header again, as it was before `sealHeader`. Throws `CorruptObjectError`, also for one that this vault did not seal. */
  openHeader(key: string, header: unknown): unknown
}

/** By way of hex, which lies in a buffer that many share: one of its own for each costs more than hashing a small file. */
function sha256Of(plain: Buffer): Buffer {
  return Buffer.from(hash('sha256', plain, 'hex'), 'hex')
}

/** For what is in clear, at no cost. */
export const PLAIN_VAULT: Vault = {
  keyId: undefined,
  parts: undefined,
  sealBytes: 0,
  chunkId: sha256Of,
  idOfDigest: (sha256) => sha256,
  seal: (frame) => frame,
  open: (_key, stored) => stored,
  sealHeader: (header) => header,
  openHeader: requireClear,
}

/** Are these the bytes that the chunk with this id, in hex, has? */
export function isNamed(vault: Vault, plain: Buffer, id: string): boolean {
  return vault.chunkId(plain).toString('hex') === id
}

export function vaultOf(parts: VaultParts | undefined): Vault {
  if (parts === undefined) return PLAIN_VAULT
  return createVault(Buffer.from(parts.dataKey), parts.keyId, parts.stream)
}

export function createVault(dataKey: Buffer, keyId: string, stream: StreamName): Vault {
  const name = formatStreamName(stream)
  const framePurpose = `holdfast/1 frame ${name}`
  const headerKey = { dataKey, keyId, purpose: `holdfast/1 header ${name}` }
  const idOfDigest = createKeyedHash(deriveKey(dataKey, `holdfast/1 chunk id ${name}`))
  return {
    keyId,
    // A copy: a Buffer may be a view of memory that holds other things, all of which would go to the thread.
    parts: { dataKey: new Uint8Array(dataKey), keyId, stream },
    sealBytes: SEAL_BYTES,
    chunkId: (plain) => idOfDigest(sha256Of(plain)),
    idOfDigest,
    seal: (frame) => seal(dataKey, framePurpose, frame),
    open(key, stored) {
      const frame = unseal(dataKey, framePurpose, stored)
      if (frame !== undefined) return frame
      throw new CorruptObjectError(key, "a sealed frame is not as it was, or another stream's")
    },
    sealHeader: (header, ...hidden) => sealHeader(headerKey, header, hidden),
    openHeader: (key, header) => openHeader(headerKey, key, header),
  }
}

import { randomBytes } from 'node:crypto'
import { beforeEach, describe, expect, it } from 'vitest'
import { CorruptObjectError, NotFoundError } from '../../../shared/errors.ts'
import type { KeyEncryptionKey } from '../../../shared/encryption/key-encryption-key.ts'
import { decodeWrap, encodeWrap, wrapDataKey } from '../../../shared/encryption/key-wrap.ts'
import { openKeyring } from '../../../shared/encryption/keyring.ts'
import { createWrap, newDataKey } from '../../../shared/encryption/wrap-chain.ts'
import { WrongKeyError } from '../../../shared/encryption/wrong-key-error.ts'
import { AccessDeniedError, UnreachableError } from '../../../shared/object-store/object-store.ts'
import { wrapKey } from '../../../shared/repository/object-keys.ts'
import { MemoryStore } from '../repository/memory-store.ts'

const STREAM = { namespace: 'shop', app: 'shop', slot: '0' }
const AT = '2026-11-20T00:00:00.000Z'
const dataKey = newDataKey()
const [mine, newer, wrong] = [fresh(), fresh(), fresh()]
let store: MemoryStore

function fresh(): KeyEncryptionKey {
  return { bytes: randomBytes(32), from: 'HOLDFAST_KEY' }
}

function wrapped(n: number, key: KeyEncryptionKey, namespace = 'shop') {
  return wrapDataKey({ namespace, n, at: AT }, dataKey, key.bytes)
}

/** Puts other bytes under a wrap's key. */
function replace(n: number, body: Buffer): void {
  store.objects.set(wrapKey('shop', n), { body, modifiedAt: new Date() })
}

beforeEach(async () => {
  store = new MemoryStore()
  await createWrap(store, wrapped(1, mine))
})

describe('a namespace with a key', () => {
  it('opens with it: what one start sealed, the next one reads', async () => {
    const vaults = await Promise.all(
      [1, 2].map(async () => {
        const keyring = await openKeyring(store, 'shop', mine)
        return keyring.vault(STREAM, keyring.keyId)
      }),
    )
    const [writer, reader] = vaults
    const frame = randomBytes(100)
    const stored = writer?.seal(frame) ?? Buffer.alloc(0)
    expect(stored.equals(frame)).toBe(false)
    expect(reader?.open('key', stored)).toEqual(frame)
    expect(reader?.chunkId(frame)).toEqual(writer?.chunkId(frame))
  })

  it('still reads what is in clear', async () => {
    const keyring = await openKeyring(store, 'shop', mine)
    expect(keyring.vault(STREAM, undefined).open('key', Buffer.from('plain'))).toEqual(
      Buffer.from('plain'),
    )
  })

  it('is not read or written without a key, or with another one', async () => {
    await expect(openKeyring(store, 'shop', undefined)).rejects.toThrow(WrongKeyError)
    await expect(openKeyring(store, 'shop', wrong)).rejects.toThrow(WrongKeyError)
    const keyring = await openKeyring(store, 'shop', mine)
    expect(() => keyring.vault(STREAM, '0000000000000000')).toThrow(WrongKeyError)
  })

  it('opens with the old and the new key after a rotation, until the old wrap is gone', async () => {
    await createWrap(store, wrapped(2, newer))
    for (const key of [mine, newer])
      expect((await openKeyring(store, 'shop', key)).keyId).toBe(dataKey.id)
    await store.delete(wrapKey('shop', 1))
    expect((await openKeyring(store, 'shop', newer)).keyId).toBe(dataKey.id)
    await expect(openKeyring(store, 'shop', mine)).rejects.toThrow(WrongKeyError)
  })

  it('is made once, whoever else makes one; an attempt whose answer was lost is no one else', async () => {
    const again = wrapped(2, mine)
    expect(await createWrap(store, again)).toBe(true)
    expect(await createWrap(store, again)).toBe(true)
    expect(await createWrap(store, wrapped(2, mine))).toBe(false)
  })
})

describe('a namespace without a key', () => {
  it('is in clear; but what was to be sealed is never written in clear', async () => {
    const keyring = await openKeyring(store, 'other', undefined)
    expect(keyring.keyId).toBeUndefined()
    expect(keyring.vault(STREAM, undefined).seal(Buffer.from('a'))).toEqual(Buffer.from('a'))
    expect(() => keyring.vault(STREAM, dataKey.id)).toThrow(WrongKeyError)
    await expect(openKeyring(store, 'other', mine)).rejects.toThrow(NotFoundError)
  })

  it('is not one that cannot be asked', async () => {
    store.fateOf = () => 'request lost'
    await expect(openKeyring(store, 'other', undefined)).rejects.toThrow(UnreachableError)
    store.fateOf = () => {
      throw new AccessDeniedError('no')
    }
    await expect(openKeyring(store, 'other', undefined)).rejects.toThrow(AccessDeniedError)
  })
})

describe('a damaged wrap', () => {
  it('is a corrupt object, not a wrong key, whatever byte differs', async () => {
    const body = encodeWrap(wrapped(1, mine))
    const separator = body.indexOf('\n{')
    for (let at = 0; at < body.length; at++) {
      if (at === separator) continue // says nothing
      const changed = Buffer.from(body)
      changed[at] = (changed[at] ?? 0) ^ 1
      replace(1, changed)
      await expect(openKeyring(store, 'shop', mine), `byte ${at}`).rejects.toThrow(
        CorruptObjectError,
      )
    }
  })

  it('is found out also where its hash was made to match: nothing that it says can be changed', async () => {
    const wrap = wrapped(1, mine)
    const bytes = Buffer.from(wrap.wrapped, 'base64')
    bytes[30] = (bytes[30] ?? 0) ^ 1
    for (const change of [{ wrapped: bytes.toString('base64') }, { key: '0123456789abcdef' }]) {
      replace(1, encodeWrap({ ...wrap, ...change }))
      await expect(openKeyring(store, 'shop', mine)).rejects.toThrow(CorruptObjectError)
      await expect(openKeyring(store, 'shop', wrong)).rejects.toThrow(WrongKeyError)
    }
  })

  it('of another namespace, or under another number, is refused', () => {
    const other = encodeWrap(wrapped(1, mine, 'other'))
    expect(() => decodeWrap(wrapKey('shop', 1), other)).toThrow(CorruptObjectError)
    expect(() => decodeWrap(wrapKey('other', 2), other)).toThrow(CorruptObjectError)
    expect(decodeWrap(wrapKey('other', 1), other).key).toBe(dataKey.id)
  })

  it('does no harm while a whole one opens', async () => {
    await createWrap(store, wrapped(2, newer))
    replace(2, Buffer.from('rubbish'))
    expect((await openKeyring(store, 'shop', mine)).keyId).toBe(dataKey.id)
    await expect(openKeyring(store, 'shop', newer)).rejects.toThrow(CorruptObjectError)
  })
})

it('stored wraps hold neither key in any coding', () => {
  const text = encodeWrap(wrapped(1, mine)).toString('latin1')
  for (const secret of [mine.bytes, dataKey.bytes])
    for (const coding of ['hex', 'base64', 'base64url', 'latin1'] as const)
      expect(text).not.toContain(secret.toString(coding).slice(0, 20))
})

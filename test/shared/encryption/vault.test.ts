import { hash, randomBytes } from 'node:crypto'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { CorruptObjectError } from '../../../shared/errors.ts'
import { keyIdOfHeader } from '../../../shared/encryption/sealed-header.ts'
import { PLAIN_VAULT, createVault } from '../../../shared/encryption/vault.ts'
import { WrongKeyError } from '../../../shared/encryption/wrong-key-error.ts'
import { encodeTail } from '../../../shared/repository/object-file.ts'

const DATA_KEY = randomBytes(32)
const SHOP = { namespace: 'shop', app: 'shop', slot: '0' }
const vault = createVault(DATA_KEY, '0123456789abcdef', SHOP)
const another = createVault(DATA_KEY, '0123456789abcdef', { ...SHOP, slot: '1' })
const KEY = 'v1/streams/shop/shop/0/packs/00'

describe('frames', () => {
  it('open as they were sealed, also in another object', () => {
    const frame = randomBytes(5000)
    const stored = vault.seal(frame)
    expect(stored).toHaveLength(frame.length + vault.sealBytes)
    expect(vault.open(KEY, stored)).toEqual(frame)
    expect(createVault(DATA_KEY, vault.keyId ?? '', SHOP).open('elsewhere', stored)).toEqual(frame)
  })

  it('that were changed, or are of another stream, or in clear, are corrupt objects', () => {
    const stored = vault.seal(Buffer.from('one fig'))
    const changed = Buffer.from(stored)
    changed[20] = (changed[20] ?? 0) ^ 1
    for (const bad of [changed, another.seal(Buffer.from('one fig')), Buffer.from('one fig')])
      expect(() => vault.open(KEY, bad)).toThrow(CorruptObjectError)
    expect(() => vault.open(KEY, changed)).toThrow(KEY)
  })

  it('that changed places are found out by their names', () => {
    const [a, b] = [Buffer.from('two pears'), Buffer.from('one fig')]
    const [storedA, storedB] = [vault.seal(a), vault.seal(b)]
    expect(vault.chunkId(vault.open(KEY, storedB))).not.toEqual(vault.chunkId(a))
    expect(vault.chunkId(vault.open(KEY, storedA))).toEqual(vault.chunkId(a))
  })
})

describe('names of bytes', () => {
  it('are the same for the same bytes, and tell nothing of them to whoever lacks the key', () => {
    const bytes = Buffer.from('a well-known file')
    expect(vault.chunkId(bytes)).toEqual(vault.chunkId(Buffer.from(bytes)))
    expect(vault.chunkId(bytes)).toHaveLength(32)
    const other = createVault(randomBytes(32), '0123456789abcdef', SHOP)
    const names = [vault, another, other, PLAIN_VAULT].map((each) =>
      each.chunkId(bytes).toString('hex'),
    )
    expect(new Set(names).size).toBe(4)
  })

  it('are told from their SHA-256 alone, in clear and not', () => {
    const bytes = randomBytes(1000)
    for (const each of [vault, PLAIN_VAULT])
      expect(each.idOfDigest(hash('sha256', bytes, 'buffer'))).toEqual(each.chunkId(bytes))
  })

  it('in clear are plain hashes', () => {
    const bytes = Buffer.from('one fig')
    expect(PLAIN_VAULT.chunkId(bytes).toString('hex')).toBe(hash('sha256', bytes))
  })
})

const HEADER = {
  format: 1,
  kind: 'version',
  stream: 'shop/shop/0',
  n: 3,
  roots: [{ path: '/secret/place', as: 'files' }],
  manifest: { frame: { offset: 11, storedBytes: 5, plainBytes: 5 }, sha256: 'ab', base: 2 },
}

/** As it comes back from an object. */
function reread(header: object): Record<string, unknown> {
  const [, line = ''] = encodeTail(header).toString().split('\n')
  return JSON.parse(line) as Record<string, unknown>
}

describe('headers', () => {
  it('hide what is to be hidden, and say the rest', () => {
    const stored = reread(vault.sealHeader(HEADER, 'roots'))
    expect(JSON.stringify(stored)).not.toContain('secret')
    expect(stored).toMatchObject({ ...HEADER, format: 2, roots: [], key: '0123456789abcdef' })
    expect(keyIdOfHeader(stored)).toBe('0123456789abcdef')
    expect(vault.openHeader(KEY, stored)).toEqual({ ...HEADER, format: 2, key: vault.keyId })
  })

  it('cannot be changed in any field, in clear or not', () => {
    const stored = reread(vault.sealHeader(HEADER, 'roots'))
    const changes: Record<string, unknown>[] = [
      { n: 4 },
      { stream: 'shop/shop/1' },
      { roots: HEADER.roots },
      { manifest: { ...HEADER.manifest, sha256: 'cd' } },
      { more: true },
      { sealed: vault.seal(Buffer.from('{}')).toString('base64') },
      { sealed: '' },
      { sealed: 'no base64!' },
    ]
    for (const change of changes)
      expect(() => vault.openHeader(KEY, { ...stored, ...change }), JSON.stringify(change)).toThrow(
        CorruptObjectError,
      )
    expect(() => another.openHeader(KEY, stored)).toThrow(CorruptObjectError)
  })

  it('of another key are not corrupt, but say that this key is wrong', () => {
    const stored = vault.sealHeader(HEADER, 'roots')
    const other = createVault(randomBytes(32), 'fedcba9876543210', SHOP)
    expect(() => other.openHeader(KEY, stored)).toThrow(WrongKeyError)
    expect(() => PLAIN_VAULT.openHeader(KEY, stored)).toThrow(WrongKeyError)
    expect(() => vault.openHeader(KEY, HEADER)).toThrow(CorruptObjectError)
  })

  it('in clear stay as they are', () => {
    expect(PLAIN_VAULT.sealHeader(HEADER, 'roots')).toBe(HEADER)
    expect(PLAIN_VAULT.openHeader(KEY, HEADER)).toBe(HEADER)
    expect(keyIdOfHeader(HEADER)).toBeUndefined()
  })

  it('with any names in them open as they were', () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.string(), fc.jsonValue()),
        fc.array(fc.string()),
        (rest, roots) => {
          const header = { ...(reread(rest) as object), format: 1, roots }
          const opened = vault.openHeader(KEY, reread(vault.sealHeader(header, 'roots')))
          expect(opened).toEqual({ ...(reread(header) as object), format: 2, key: vault.keyId })
        },
      ),
    )
  })
})

import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { readKeyEncryptionKey } from '../../../shared/encryption/key-encryption-key.ts'
import { UsageError } from '../../../shared/errors.ts'

const folder = mkdtempSync(join(tmpdir(), 'key-'))
const bytes = randomBytes(32)
afterAll(() => {
  rmSync(folder, { recursive: true })
})

function read(environment: Record<string, string>) {
  return readKeyEncryptionKey(environment, 'HOLDFAST_KEY')
}

test('is 32 bytes in base64 or hex, with white space around', () => {
  const hex = bytes.toString('hex')
  const texts = [hex, hex.toUpperCase(), bytes.toString('base64'), bytes.toString('base64url')]
  for (const text of texts) {
    expect(read({ HOLDFAST_KEY: text })).toEqual({ bytes, from: 'HOLDFAST_KEY' })
    expect(read({ HOLDFAST_KEY: ` ${text}\n` })?.bytes).toEqual(bytes)
  }
})

test('may lie in a file, as a mounted Secret does', () => {
  const file = join(folder, 'key')
  writeFileSync(file, `${bytes.toString('base64')}\n`)
  expect(read({ HOLDFAST_KEY_FILE: file })).toEqual({ bytes, from: 'HOLDFAST_KEY_FILE' })
})

test('may be missing, or empty, which is the same', () => {
  expect(read({})).toBeUndefined()
  expect(read({ HOLDFAST_KEY: '', HOLDFAST_KEY_FILE: ' ' })).toBeUndefined()
  expect(read({ HOLDFAST_NEW_KEY: bytes.toString('hex') })).toBeUndefined()
})

test('that reads wrong is refused in a sentence that names the variable, and never shows what it holds', () => {
  const empty = join(folder, 'empty')
  writeFileSync(empty, '')
  const wrong = [
    { HOLDFAST_KEY: 'my secret passphrase' },
    { HOLDFAST_KEY: randomBytes(31).toString('base64') },
    { HOLDFAST_KEY: randomBytes(33).toString('base64') },
    { HOLDFAST_KEY: randomBytes(31).toString('hex') },
    { HOLDFAST_KEY: bytes.toString('hex'), HOLDFAST_KEY_FILE: empty },
    { HOLDFAST_KEY_FILE: empty },
    { HOLDFAST_KEY_FILE: join(folder, 'none') },
    { HOLDFAST_KEY_FILE: folder },
  ]
  for (const environment of wrong) {
    const { message } = refusal(environment)
    expect(message).toContain('HOLDFAST_KEY')
    const value = 'HOLDFAST_KEY' in environment ? environment.HOLDFAST_KEY : undefined
    if (value !== undefined) expect(message).not.toContain(value)
  }
})

function refusal(environment: Record<string, string>): UsageError {
  try {
    read(environment)
  } catch (error) {
    if (error instanceof UsageError) return error
    throw error
  }
  throw new Error(`not refused: ${JSON.stringify(environment)}`)
}

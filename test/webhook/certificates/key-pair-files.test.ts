import { X509Certificate } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { KeyPair } from '../../../webhook/certificates/key-pair.ts'
import { readKeyPair, watchKeyPair } from '../../../webhook/certificates/key-pair-files.ts'
import { createCertificate } from '../../../webhook/certificates/make-certificate.ts'

let directory: string

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'holdfast-tls-'))
})

afterEach(() => rm(directory, { recursive: true }))

function files() {
  return { certificateFile: join(directory, 'tls.crt'), keyFile: join(directory, 'tls.key') }
}

async function write(pair: KeyPair): Promise<void> {
  await writeFile(files().certificateFile, pair.certificate)
  await writeFile(files().keyFile, pair.key)
}

describe('a made certificate', () => {
  it('is of its authority and for its names', async () => {
    const made = await createCertificate(['holdfast.holdfast-system.svc', '127.0.0.1'])
    const certificate = new X509Certificate(made.certificate)
    const authority = new X509Certificate(made.authority)
    expect(certificate.checkIssued(authority)).toBe(true)
    expect(certificate.verify(authority.publicKey)).toBe(true)
    expect(authority.ca).toBe(true)
    expect(certificate.ca).toBe(false)
    expect(certificate.checkHost('holdfast.holdfast-system.svc')).toBeDefined()
    expect(certificate.checkIP('127.0.0.1')).toBeDefined()
    expect(certificate.checkHost('elsewhere')).toBeUndefined()
  })
})

describe('a key pair in files', () => {
  it('is read, and refused in one sentence where it is none', async () => {
    const [one, two] = await Promise.all([createCertificate(['a']), createCertificate(['b'])])
    await expect(readKeyPair(files())).rejects.toThrow(/tls\.crt" cannot be read \(ENOENT\)/)
    await write(one)
    expect(await readKeyPair(files())).toEqual({ certificate: one.certificate, key: one.key })
    await writeFile(files().keyFile, two.key)
    await expect(readKeyPair(files())).rejects.toThrow('is not that of the certificate')
    await writeFile(files().keyFile, 'x')
    await expect(readKeyPair(files())).rejects.toThrow('is no PEM')
  })

  it('is read again when it changes; a half-written one is waited out', async () => {
    const [one, two] = await Promise.all([createCertificate(['a']), createCertificate(['b'])])
    await write(one)
    const failed = Promise.withResolvers<unknown>()
    const changed = Promise.withResolvers<KeyPair>()
    const end = watchKeyPair({
      files: files(),
      current: one,
      intervalMs: 10,
      onChange: changed.resolve,
      onError: failed.resolve,
    })
    await writeFile(files().certificateFile, two.certificate)
    expect(String(await failed.promise)).toContain('is not that of the certificate')
    await writeFile(files().keyFile, two.key)
    expect((await changed.promise).certificate).toBe(two.certificate)
    end()
  })
})

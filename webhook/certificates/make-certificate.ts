// The library registers its parts by decorators, and says so when this is not there first.
import 'reflect-metadata'
import { webcrypto } from 'node:crypto'
import { isIP } from 'node:net'
import * as x509 from '@peculiar/x509'
import type { KeyPair } from './key-pair-files.ts'

export interface MadeCertificate extends KeyPair {
  /** PEM of the authority that signed it; what a client (`caBundle`) has to trust. */
  readonly authority: string
}

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
/** Clocks differ: valid from a little before now. */
const BACKDATED_MS = 5 * 60_000
const VALID_MS = 365 * 86_400_000

/** A certificate for `names` (DNS names or IP addresses, one at least), of an authority made for it; valid for a year. */
export async function createCertificate(names: readonly string[]): Promise<MadeCertificate> {
  const notBefore = new Date(Date.now() - BACKDATED_MS)
  const notAfter = new Date(Date.now() + VALID_MS)
  const validity = { notBefore, notAfter, signingAlgorithm: ALGORITHM }
  const [authorityKeys, keys] = await Promise.all([generateKeys(), generateKeys()])
  const authority = await x509.X509CertificateGenerator.createSelfSigned({
    ...validity,
    serialNumber: randomSerial(),
    name: 'CN=Holdfast',
    keys: authorityKeys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
      await x509.SubjectKeyIdentifierExtension.create(authorityKeys.publicKey),
    ],
  })
  const certificate = await x509.X509CertificateGenerator.create({
    ...validity,
    serialNumber: randomSerial(),
    subject: 'CN=holdfast-webhook',
    issuer: authority.subject,
    publicKey: keys.publicKey,
    signingKey: authorityKeys.privateKey,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension(names.map(toGeneralName)),
      await x509.AuthorityKeyIdentifierExtension.create(authorityKeys.publicKey),
    ],
  })
  return {
    authority: authority.toString('pem'),
    certificate: certificate.toString('pem'),
    key: await privateKeyPem(keys.privateKey),
  }
}

async function generateKeys() {
  return webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])
}

function toGeneralName(value: string): { type: 'ip' | 'dns'; value: string } {
  return { type: isIP(value) === 0 ? 'dns' : 'ip', value }
}

/** 16 random bytes, positive: two authorities of one name differ by them. */
function randomSerial(): string {
  const bytes = webcrypto.getRandomValues(new Uint8Array(16))
  bytes[0] = ((bytes[0] as number) & 0x7f) | 0x01
  return Buffer.from(bytes).toString('hex')
}

async function privateKeyPem(key: webcrypto.CryptoKey): Promise<string> {
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', key))
  const lines = der.toString('base64').match(/.{1,64}/g) ?? []
  return ['-----BEGIN PRIVATE KEY-----', ...lines, '-----END PRIVATE KEY-----', ''].join('\n')
}

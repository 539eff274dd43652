/** Authorities, and what they sign: P-256, a key of its own for each certificate. */
// The library registers its parts by decorators, and says so when this is not there first.
import 'reflect-metadata'
import { createPrivateKey, webcrypto } from 'node:crypto'
import { isIP } from 'node:net'
import * as x509 from '@peculiar/x509'
import type { KeyPair } from './key-pair.ts'

/** All PEM. */
export interface Authority {
  readonly certificate: string
  readonly key: string
}

export const DAY_MS = 86_400_000

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
const NAME = 'CN=Holdfast'
/** Clocks differ: valid from a little before now. */
const BACKDATED_MS = 5 * 60_000

export async function makeAuthority(now: Date, days: number): Promise<Authority> {
  const keys = await generateKeys()
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    ...validity(now, days),
    name: NAME,
    keys,
    extensions: [
      // One below it may be another authority: the next one, as `crossSign` signs it.
      new x509.BasicConstraintsExtension(true, 1, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  })
  return { certificate: certificate.toString('pem'), key: await privateKeyPem(keys.privateKey) }
}

/**
 * The next authority as the old one signs it, for as long as the old one is valid (PEM). Whoever trusts only the old
 * one (an agent is told of authorities once) accepts what the next one signs, where this comes along with it.
 */
export async function crossSign(next: string, old: Authority, now: Date): Promise<string> {
  const [of, by] = [new x509.X509Certificate(next), new x509.X509Certificate(old.certificate)]
  const certificate = await x509.X509CertificateGenerator.create({
    ...validity(now, 0),
    notAfter: new Date(Math.min(of.notAfter.getTime(), by.notAfter.getTime())),
    subject: of.subject,
    issuer: by.subject,
    publicKey: of.publicKey,
    signingKey: await signingKey(old),
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
      await x509.SubjectKeyIdentifierExtension.create(of.publicKey),
      await x509.AuthorityKeyIdentifierExtension.create(by.publicKey),
    ],
  })
  return certificate.toString('pem')
}

/** A server's certificate for `names` (DNS names or IP addresses, one at least), never longer valid than its authority. */
export async function issueServing(
  authority: Authority,
  names: readonly string[],
  now: Date,
  days: number,
): Promise<KeyPair> {
  const by = new x509.X509Certificate(authority.certificate)
  const keys = await generateKeys()
  const { notBefore, notAfter, ...rest } = validity(now, days)
  const certificate = await x509.X509CertificateGenerator.create({
    ...rest,
    notBefore,
    notAfter: new Date(Math.min(notAfter.getTime(), by.notAfter.getTime())),
    subject: 'CN=holdfast-webhook',
    issuer: by.subject,
    publicKey: keys.publicKey,
    signingKey: await signingKey(authority),
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension(names.map(toGeneralName)),
      await x509.AuthorityKeyIdentifierExtension.create(by.publicKey),
    ],
  })
  return { certificate: certificate.toString('pem'), key: await privateKeyPem(keys.privateKey) }
}

function validity(now: Date, days: number) {
  return {
    notBefore: new Date(now.getTime() - BACKDATED_MS),
    notAfter: new Date(now.getTime() + days * DAY_MS),
    signingAlgorithm: ALGORITHM,
    serialNumber: randomSerial(),
  }
}

async function generateKeys() {
  return webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])
}

async function signingKey({ key }: Authority): Promise<webcrypto.CryptoKey> {
  const der = createPrivateKey(key).export({ type: 'pkcs8', format: 'der' })
  return webcrypto.subtle.importKey('pkcs8', der, ALGORITHM, false, ['sign'])
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

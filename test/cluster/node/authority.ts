/** The certificates of a test cluster: one authority, and what it signs for servers and for users. */
import 'reflect-metadata'
import { createPrivateKey, createPublicKey, webcrypto } from 'node:crypto'
import { isIP } from 'node:net'
import * as x509 from '@peculiar/x509'

/** Both PEM. */
export interface Identity {
  readonly certificate: string
  readonly key: string
}

/** As RBAC sees it: the common name is the user, the organisation the group. */
export interface Subject {
  readonly user: string
  readonly group?: string
  /** DNS names and addresses by which it serves; a certificate that only asks has none. */
  readonly serves?: readonly string[]
}

export interface Authority {
  readonly certificate: string
  issue(subject: Subject): Promise<Identity>
}

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
const NAME = 'CN=holdfast-test-cluster'
const DAY_MS = 86_400_000

export async function makeAuthority(): Promise<Authority & Identity> {
  const keys = await newKeys()
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    ...validity(),
    name: NAME,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
    ],
  })
  const issue = async ({ user, group, serves = [] }: Subject): Promise<Identity> => {
    const own = await newKeys()
    const issued = await x509.X509CertificateGenerator.create({
      ...validity(),
      subject: [...(group === undefined ? [] : [{ O: [group] }]), { CN: [user] }],
      issuer: NAME,
      publicKey: own.publicKey,
      signingKey: keys.privateKey,
      extensions: [
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.ExtendedKeyUsageExtension([
          x509.ExtendedKeyUsage.clientAuth,
          ...(serves.length > 0 ? [x509.ExtendedKeyUsage.serverAuth] : []),
        ]),
        ...(serves.length > 0
          ? [new x509.SubjectAlternativeNameExtension(serves.map(nameOf))]
          : []),
      ],
    })
    return { certificate: issued.toString('pem'), key: await pem(own.privateKey) }
  }
  return { certificate: certificate.toString('pem'), key: await pem(keys.privateKey), issue }
}

/** What signs the tokens of ServiceAccounts, and what reads them. */
export async function tokenKeys(): Promise<{ signing: string; verifying: string }> {
  const { privateKey } = await newKeys()
  const signing = await pem(privateKey)
  const verifying = createPublicKey(signing).export({ type: 'spki', format: 'pem' }).toString()
  return { signing, verifying }
}

function validity() {
  const now = Date.now()
  return {
    notBefore: new Date(now - DAY_MS),
    notAfter: new Date(now + 30 * DAY_MS),
    signingAlgorithm: ALGORITHM,
  }
}

function nameOf(value: string): { type: 'ip' | 'dns'; value: string } {
  return { type: isIP(value) === 0 ? 'dns' : 'ip', value }
}

async function newKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])
}

/** As Kubernetes reads it: SEC1. */
async function pem(key: webcrypto.CryptoKey): Promise<string> {
  const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', key))
  const parsed = createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' })
  return parsed.export({ type: 'sec1', format: 'pem' }).toString()
}

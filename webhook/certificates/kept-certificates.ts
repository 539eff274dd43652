/** What the Secret of the certificates holds, and how: all text, PEM. */
import { X509Certificate } from 'node:crypto'
import type { Authority } from './issue.ts'
import { belongTogether, type KeyPair } from './key-pair.ts'
import { isSignedBy } from './validity.ts'

export interface KeptCertificates {
  /** PEM of all that are to be trusted, the newest first. */
  readonly authorities: readonly string[]
  /** Key of the first of them. Null: it is not there, or of another one. */
  readonly authorityKey: string | null
  /** The first of them as the one before signed it; null: there was none before. */
  readonly cross: string | null
  /** What the replicas serve, without `cross`. Null: nothing that could be. */
  readonly serving: Pick<KeyPair, 'certificate' | 'key'> | null
}

export type SecretData = Readonly<Record<string, string>>

/** Names that cert-manager uses too, so that either finds its way after the other. */
const NAMES = {
  authorities: 'ca.crt',
  authorityKey: 'ca.key',
  cross: 'ca-by-previous.crt',
  certificate: 'tls.crt',
  key: 'tls.key',
} as const

const PEM = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g

export const NOTHING_KEPT: KeptCertificates = {
  authorities: [],
  authorityKey: null,
  cross: null,
  serving: null,
}

/** What does not read counts as not there. */
export function readKept(data: SecretData): KeptCertificates {
  const authorities = certificatesIn(data[NAMES.authorities] ?? '')
  const authorityKey = data[NAMES.authorityKey] ?? null
  const [newest] = authorities
  const [certificate] = certificatesIn(data[NAMES.certificate] ?? '')
  const key = data[NAMES.key] ?? ''
  return {
    authorities,
    authorityKey: isPair(newest, authorityKey) ? authorityKey : null,
    cross: certificatesIn(data[NAMES.cross] ?? '')[0] ?? null,
    serving: certificate !== undefined && isPair(certificate, key) ? { certificate, key } : null,
  }
}

export function writeKept(kept: KeptCertificates): SecretData {
  const { authorities, authorityKey, cross, serving } = kept
  return {
    [NAMES.authorities]: bundleOf(authorities),
    ...(authorityKey !== null && { [NAMES.authorityKey]: authorityKey }),
    ...(cross !== null && { [NAMES.cross]: bundleOf([cross]) }),
    ...(serving !== null && {
      [NAMES.certificate]: chainOf(serving.certificate, kept),
      [NAMES.key]: serving.key,
    }),
  }
}

/** What a replica serves; undefined: nothing yet. */
export function servedPair(data: SecretData): KeyPair | undefined {
  const kept = readKept(data)
  if (kept.serving === null) return undefined
  const { certificate, key } = kept.serving
  return { certificate: chainOf(certificate, kept), key, authorities: bundleOf(kept.authorities) }
}

/** The newest, by which new certificates are signed. */
export function newestAuthority({ authorities, authorityKey }: KeptCertificates): Authority | null {
  const [certificate] = authorities
  return certificate === undefined || authorityKey === null
    ? null
    : { certificate, key: authorityKey }
}

/** Each certificate of a text, as it is written in a bundle. */
export function certificatesIn(text: string): string[] {
  return (text.match(PEM) ?? []).filter(isReadable)
}

/** As it stands in a caBundle, and is told to agents. */
export function bundleOf(certificates: readonly string[]): string {
  return certificates.map((pem) => `${pem.trim()}\n`).join('')
}

/** With what leads from the newest authority to the one before; what an older one signed needs no help. */
function chainOf(certificate: string, { authorities, cross }: KeptCertificates): string {
  const [newest] = authorities
  const needsCross = cross !== null && newest !== undefined && isSignedBy(certificate, newest)
  return bundleOf(needsCross ? [certificate, cross] : [certificate])
}

function isPair(certificate: string | undefined, key: string | null): boolean {
  try {
    return certificate !== undefined && key !== null && belongTogether(certificate, key)
  } catch {
    return false
  }
}

function isReadable(pem: string): boolean {
  try {
    return new X509Certificate(pem).serialNumber !== ''
  } catch {
    return false
  }
}

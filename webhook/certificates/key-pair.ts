import { createPrivateKey, X509Certificate } from 'node:crypto'

/** What the server shows and signs with. */
export interface KeyPair {
  /** PEM; the certificate of the server first, then any intermediate ones. */
  readonly certificate: string
  /** PEM. */
  readonly key: string
  /** PEM of those that a client has to trust; undefined where nobody needs to be told. */
  readonly authorities?: string | undefined
}

export function expiryOf(pair: KeyPair): Date {
  return new X509Certificate(pair.certificate).validToDate
}

/** Throws where either is no PEM. */
export function belongTogether(certificate: string, key: string): boolean {
  return new X509Certificate(certificate).checkPrivateKey(createPrivateKey(key))
}

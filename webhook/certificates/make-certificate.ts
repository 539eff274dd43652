import { issueServing, makeAuthority } from './issue.ts'
import type { KeyPair } from './key-pair.ts'

export interface MadeCertificate extends KeyPair {
  /** PEM of the authority that signed it; what a client (`caBundle`) has to trust. */
  readonly authority: string
}

const VALID_DAYS = 365

/** A certificate for `names` (DNS names or IP addresses, one at least), of an authority made for it; valid for a year. */
export async function createCertificate(names: readonly string[]): Promise<MadeCertificate> {
  const now = new Date()
  const authority = await makeAuthority(now, VALID_DAYS)
  const { certificate, key } = await issueServing(authority, names, now, VALID_DAYS)
  return { authority: authority.certificate, certificate, key }
}

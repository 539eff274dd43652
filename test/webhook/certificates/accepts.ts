import { X509Certificate } from 'node:crypto'
import { certificatesIn } from '../../../webhook/certificates/kept-certificates.ts'

const read = new Map<string, X509Certificate>()
const split = new Map<string, string[]>()
const signed = new Map<string, boolean>()

/** Whether a client that trusts `bundle` accepts `chain` at that moment: signatures, issuers, times, rights to sign. */
export function accepts(chain: string, bundle: string, now: Date): boolean {
  const [leaf, ...between] = parts(chain)
  return leaf !== undefined && leads(leaf, between, parts(bundle), now)
}

function parts(text: string): string[] {
  const known = split.get(text) ?? certificatesIn(text)
  split.set(text, known)
  return known
}

function leads(pem: string, between: string[], trusted: string[], now: Date): boolean {
  if (!isValid(pem, now)) return false
  if (trusted.some((root) => isValid(root, now) && isIssuedBy(pem, root))) return true
  return between.some(
    (one) =>
      isIssuedBy(pem, one) &&
      leads(
        one,
        between.filter((other) => other !== one),
        trusted,
        now,
      ),
  )
}

function isIssuedBy(pem: string, authority: string): boolean {
  const key = pem + authority
  const known = signed.get(key)
  if (known !== undefined) return known
  const [certificate, issuer] = [of(pem), of(authority)]
  const isSo = issuer.ca && certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey)
  signed.set(key, isSo)
  return isSo
}

function isValid(pem: string, now: Date): boolean {
  const { validFromDate, validToDate } = of(pem)
  return validFromDate <= now && now <= validToDate
}

function of(pem: string): X509Certificate {
  const certificate = read.get(pem) ?? new X509Certificate(pem)
  read.set(pem, certificate)
  return certificate
}

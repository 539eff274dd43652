/** What a certificate (PEM) is worth. */
import { X509Certificate } from 'node:crypto'

/** Two thirds of its time are over: there is a third left for whatever goes wrong with the next one. */
export function isDue(pem: string, now: Date): boolean {
  const { validFromDate, validToDate } = new X509Certificate(pem)
  const [from, to] = [validFromDate.getTime(), validToDate.getTime()]
  return now.getTime() >= from + ((to - from) * 2) / 3
}

export function isOver(pem: string, now: Date): boolean {
  return new X509Certificate(pem).validToDate.getTime() <= now.getTime()
}

export function isSignedBy(pem: string, authority: string): boolean {
  return new X509Certificate(pem).verify(new X509Certificate(authority).publicKey)
}

/** @param names DNS names or IP addresses. */
export function isFor(pem: string, names: readonly string[]): boolean {
  const certificate = new X509Certificate(pem)
  return names.every(
    (name) => (certificate.checkHost(name) ?? certificate.checkIP(name)) !== undefined,
  )
}

/**
 * What is to be done next, from what is there: each step is whole by itself, and whoever leads after a crash between two
 * of them finds the next one. Their order loses no admission: a new authority is trusted by the API servers before
 * anything that it signed is served, and old ones are trusted until their end, because a replica that reaches no API
 * server goes on serving what it has.
 */
import type { TrustedBundle } from './certificate-store.ts'
import {
  bundleOf,
  certificatesIn,
  newestAuthority,
  type KeptCertificates,
} from './kept-certificates.ts'
import { isDue, isFor, isOver, isSignedBy } from './validity.ts'

export const AUTHORITY_DAYS = 3650
export const SERVING_DAYS = 90
/** All API servers have heard of a changed caBundle by then: each watches our configurations. */
const SETTLE_MS = 30_000
/** Agents carry them all in their environment; only Secrets that are taken away again and again make so many. */
const MOST_AUTHORITIES = 6

export interface Situation {
  /** Read before `kept` was: a leader that fell behind between the two is told by the bundles' resourceVersion. */
  readonly bundles: readonly TrustedBundle[]
  readonly kept: KeptCertificates
  /** What the certificate has to be for. */
  readonly names: readonly string[]
  readonly now: Date
  /** For how long this leader has seen every bundle trust all of `kept`. Null: one does not. */
  readonly trustedForMs: number | null
}

export type Step =
  /** Of those before, these stay trusted. */
  | { readonly kind: 'new authority'; readonly trusted: readonly string[] }
  | { readonly kind: 'forget authorities'; readonly trusted: readonly string[] }
  | { readonly kind: 'trust'; readonly bundles: readonly TrustedBundle[] }
  | { readonly kind: 'new certificate' }
  /** The API servers have to hear of the new authority first. */
  | { readonly kind: 'wait' }
  | { readonly kind: 'nothing' }

export function nextStep(situation: Situation): Step {
  const { kept, now, names, trustedForMs } = situation
  const newest = newestAuthority(kept)
  const trusted = kept.authorities.filter((pem) => !isOver(pem, now))
  if (newest === null || isDue(newest.certificate, now))
    return { kind: 'new authority', trusted: withThoseOfBundles(trusted, situation) }
  if (trusted.length < kept.authorities.length) return { kind: 'forget authorities', trusted }
  const bundles = untrusting(situation)
  if (bundles.length > 0) return { kind: 'trust', bundles }
  const serving = kept.serving?.certificate
  const isOfNewest = serving !== undefined && isSignedBy(serving, newest.certificate)
  if (isOfNewest && isFor(serving, names) && !isDue(serving, now)) return { kind: 'nothing' }
  // Where there is only one authority, nothing else is being served that could be lost.
  const isHeard = isOfNewest || trusted.length === 1 || (trustedForMs ?? 0) >= SETTLE_MS
  return { kind: isHeard ? 'new certificate' : 'wait' }
}

/** Those that do not hold just what is to be trusted. */
export function untrusting({
  bundles,
  kept,
}: Pick<Situation, 'bundles' | 'kept'>): TrustedBundle[] {
  const wanted = bundleOf(kept.authorities)
  return bundles.filter(({ byWebhook }) => [...byWebhook.values()].some((pem) => pem !== wanted))
}

/** Where the Secret is gone, replicas still serve what was signed by those that the API servers trust. */
function withThoseOfBundles(trusted: readonly string[], { bundles, now }: Situation): string[] {
  const found = bundles.flatMap(({ byWebhook }) => [...byWebhook.values()].flatMap(certificatesIn))
  const all = new Set([...trusted, ...found.filter((pem) => !isOver(pem, now))])
  return [...all].slice(0, MOST_AUTHORITIES - 1)
}

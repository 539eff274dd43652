/** The leader's part: makes the certificates, has them trusted, and renews them in time. */
import type { Clock } from '../../shared/clock.ts'
import { ConflictError } from '../kubernetes/cluster-error.ts'
import type { CertificateSecret, CertificateStore, TrustedBundles } from './certificate-store.ts'
import { crossSign, issueServing, makeAuthority } from './issue.ts'
import {
  bundleOf,
  newestAuthority,
  NOTHING_KEPT,
  readKept,
  writeKept,
  type KeptCertificates,
} from './kept-certificates.ts'
import { isOver } from './validity.ts'
import { AUTHORITY_DAYS, nextStep, SERVING_DAYS, untrusting, type Step } from './next-step.ts'

export interface Rotation {
  readonly store: CertificateStore
  readonly bundles: TrustedBundles
  /** What the certificate has to be for. */
  readonly names: readonly string[]
  readonly clock: Clock
  /** A step was taken. */
  readonly onStep: (step: Step['kind']) => void
  /** It is tried again. */
  readonly onError: (error: unknown) => void
}

/** How soon a caBundle that somebody took away is put back, and a step that failed is tried again. */
const LOOK_MS = 5000

/** Until the signal aborts. */
export async function keepRotating(rotation: Rotation, signal: AbortSignal): Promise<void> {
  const keeper = new Keeper(rotation)
  let last: Step['kind'] = 'nothing'
  while (!signal.aborted) {
    let step: Step['kind'] = 'nothing'
    try {
      step = await keeper.step()
      if (step !== 'wait' && step !== 'nothing') rotation.onStep(step)
    } catch (error) {
      // Another leader was first, or somebody changed a configuration: it is looked at anew.
      if (!(error instanceof ConflictError)) rotation.onError(error)
    }
    // A step that has to be taken again had no effect: somebody undoes it.
    if (step === 'wait' || step === 'nothing' || step === last)
      await rotation.clock.sleep(LOOK_MS, signal)
    last = step
  }
}

class Keeper {
  readonly #rotation: Rotation
  /** What every bundle trusts, and since when this leader has seen it do so (monotonic). */
  #trusted: { readonly bundle: string; readonly sinceMs: number } | undefined

  constructor(rotation: Rotation) {
    this.#rotation = rotation
  }

  /** Takes the next step. Throws what the cluster throws; a `ConflictError` where somebody else took one. */
  async step(): Promise<Step['kind']> {
    const { clock, names } = this.#rotation
    // In this order: see `Situation`.
    const bundles = await this.#rotation.bundles.read()
    const secret = await this.#rotation.store.read()
    const kept = secret === undefined ? NOTHING_KEPT : readKept(secret.data)
    const trustedForMs = this.#trustedForMs(untrusting({ bundles, kept }).length === 0, kept)
    const step = nextStep({ bundles, kept, names, now: clock.now(), trustedForMs })
    await this.#take(step, kept, secret)
    return step.kind
  }

  async #take(
    step: Step,
    kept: KeptCertificates,
    secret: CertificateSecret | undefined,
  ): Promise<void> {
    if (step.kind === 'new authority')
      await this.#write(secret, await this.#succeed(kept, step.trusted))
    if (step.kind === 'forget authorities')
      await this.#write(secret, forget(kept, step.trusted, this.#rotation.clock.now()))
    if (step.kind === 'new certificate') await this.#write(secret, await this.#issue(kept))
    if (step.kind === 'trust')
      for (const bundle of step.bundles) await bundle.replace(bundleOf(kept.authorities))
  }

  /** What is served stays as it is. */
  async #succeed(kept: KeptCertificates, trusted: readonly string[]): Promise<KeptCertificates> {
    const now = this.#rotation.clock.now()
    const old = newestAuthority(kept)
    const { certificate, key } = await makeAuthority(now, AUTHORITY_DAYS)
    const isOldTrusted = old !== null && trusted.includes(old.certificate)
    return {
      ...kept,
      authorities: [certificate, ...trusted],
      authorityKey: key,
      cross: isOldTrusted ? await crossSign(certificate, old, now) : null,
    }
  }

  async #issue(kept: KeptCertificates): Promise<KeptCertificates> {
    const { names, clock } = this.#rotation
    const authority = newestAuthority(kept)
    if (authority === null) throw new Error('a certificate is issued by an authority')
    return { ...kept, serving: await issueServing(authority, names, clock.now(), SERVING_DAYS) }
  }

  async #write(secret: CertificateSecret | undefined, kept: KeptCertificates): Promise<void> {
    const { store } = this.#rotation
    if (secret === undefined) await store.create(writeKept(kept))
    else await store.replace(secret, writeKept(kept))
  }

  #trustedForMs(isTrusted: boolean, kept: KeptCertificates): number | null {
    const nowMs = this.#rotation.clock.monotonicMs()
    const bundle = bundleOf(kept.authorities)
    if (!isTrusted) this.#trusted = undefined
    else if (this.#trusted?.bundle !== bundle) this.#trusted = { bundle, sinceMs: nowMs }
    return this.#trusted === undefined ? null : nowMs - this.#trusted.sinceMs
  }
}

function forget(
  kept: KeptCertificates,
  authorities: readonly string[],
  now: Date,
): KeptCertificates {
  const { cross } = kept
  return { ...kept, authorities, cross: cross === null || isOver(cross, now) ? null : cross }
}

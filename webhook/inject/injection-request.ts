/** What a pod asks for: its declaration, the policy that counts, its stream, its pin. */
import { readDeclaration, type Declaration } from '../../shared/declaration/declaration.ts'
import { effectivePolicy, type EffectivePolicy } from '../../shared/declaration/effective-policy.ts'
import { readPolicy } from '../../shared/declaration/policy.ts'
import { UsageError } from '../../shared/errors.ts'
import { parsePin, type Pin } from '../../shared/pin.ts'
import { KEY } from '../../shared/sidecar-contract.ts'
import { identityOf, type Identity } from './identity.ts'
import type { InjectionContext } from './injection-context.ts'
import { annotationOf, labelOf, type Pod } from './pod.ts'
import { Refusal } from './refusal.ts'

const MIRROR_POD = 'kubernetes.io/config.mirror'

export interface InjectionRequest {
  readonly declaration: Declaration
  readonly policy: EffectivePolicy
  readonly identity: Identity
  /** The label's value, read. Null: no pin. */
  readonly pin: Pin | null
  readonly restoreRequest: string | null
  /** The URL of the repository. */
  readonly store: string
}

/**
 * Whether Holdfast has to do with the object at all: it declares state or names a version, is no static pod's
 * mirror (the kubelet could not create it), and no pod of the service itself. Takes anything.
 */
export function asksForHoldfast(object: unknown, context: InjectionContext): boolean {
  const metadata = field(object, 'metadata')
  const annotations = field(metadata, 'annotations')
  if (context.namespace === context.service.ownNamespace || has(annotations, MIRROR_POD))
    return false
  return has(annotations, KEY.state) || has(field(metadata, 'labels'), KEY.restore)
}

/** Throws a `Refusal` or `UsageError` that says what is wrong. */
export function readRequest(pod: Pod, context: InjectionContext): InjectionRequest {
  const pinText = labelOf(pod, KEY.restore)
  const text = annotationOf(pod, KEY.state)
  if (text === undefined)
    throw new Refusal(
      `the label ${KEY.restore}=${pinText} names a version, but the pod declares no state; add the annotation ${KEY.state} to the pod template, or take the label off`,
    )
  const declaration = readDeclaration(text)
  const { facts, service } = context
  const policy = effectivePolicy({
    pod: declaration.settings,
    namespace: facts.policy === undefined ? {} : readPolicy(facts.policy),
    service: service.defaults,
  })
  refuseExecHooks(policy, context)
  return {
    declaration,
    policy,
    identity: identityOf(pod, declaration.app),
    pin: pinText === undefined ? null : readPin(pinText),
    restoreRequest: annotationOf(pod, KEY.restoreRequest) ?? null,
    store: storeOf(policy),
  }
}

function readPin(text: string): Pin {
  if (text === '')
    throw new Refusal(
      `the label ${KEY.restore} is empty; set it to v42, latest, fresh, a tag or a time as 20261120T141500Z, or take it off`,
    )
  try {
    return parsePin(text)
  } catch (cause) {
    if (!(cause instanceof UsageError)) throw cause
    throw new Refusal(`the label ${KEY.restore}: ${cause.message}`, 422, { cause })
  }
}

export function hasExecHook(policy: EffectivePolicy): boolean {
  const hooks = [policy['backup.before'].value, policy['backup.after'].value]
  return hooks.some((hook) => hook?.exec !== undefined)
}

/** The agent reaches the app over HTTP only: commands in other containers are the service's to run, where the Namespace lets it. */
function refuseExecHooks(policy: EffectivePolicy, { service }: InjectionContext): void {
  if (!hasExecHook(policy)) return
  if (!policy['allow.exec'].value)
    throw new Refusal(
      `${KEY.state} has an exec hook, which is not allowed in this namespace; use an http hook on localhost, or have an administrator allow it by the Namespace's annotation ${KEY.policy}: "allow: {exec: true}"`,
      403,
    )
  if (service.agentService === null)
    throw new Refusal(
      `${KEY.state} has an exec hook, which the service would run, and agents are told of none (HOLDFAST_SERVICE_URL); use an http hook on localhost`,
      403,
    )
}

function storeOf(policy: EffectivePolicy): string {
  if (policy.store.value !== null) return policy.store.value
  throw new Refusal(
    `no store is set, neither for the service (HOLDFAST_STORE) nor by the Namespace's annotation ${KEY.policy}: "store: s3://bucket/prefix"; ask the cluster's administrator`,
    403,
  )
}

function field(object: unknown, key: string): unknown {
  return has(object, key) ? (object as Record<string, unknown>)[key] : undefined
}

function has(object: unknown, key: string): boolean {
  return typeof object === 'object' && object !== null && Object.hasOwn(object, key)
}

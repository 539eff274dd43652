/**
 * Runs a command that an app has declared in its own container. Whoever may do that in every pod owns the cluster: so it
 * needs the Namespace's leave, a role that the namespace itself binds, and a command that was admitted with the pod.
 */
import { effectivePolicy } from '../../shared/declaration/effective-policy.ts'
import { readPolicy, type Policy } from '../../shared/declaration/policy.ts'
import type { HookAnswer } from '../../shared/service-contract.ts'
import { KEY } from '../../shared/sidecar-contract.ts'
import type { NamespacePolicies } from '../admission/namespace-policies.ts'
import { ForbiddenError } from '../kubernetes/cluster-error.ts'
import type { PodRef } from './pod-facts.ts'
import { RefusedRequestError } from './refused-request.ts'

export type HookName = 'before' | 'after'

export interface AdmittedHook {
  readonly container: string
  readonly argv: readonly string[]
  readonly timeoutMs: number
}

export interface HookSeams {
  readonly policies: NamespacePolicies
  /** The service's defaults: they may allow what no Namespace forbids. */
  readonly defaults: Policy
  /** For the sentence that says who is to be allowed. */
  readonly ownNamespace: string
  /** Off the live pod, by a read that no cache answers. Undefined: there is no such pod, or it was admitted without the hook. */
  readonly admittedHook: (pod: PodRef, which: HookName) => Promise<AdmittedHook | undefined>
  /** Throws a `ForbiddenError` where nobody has allowed it, an `UnknownOutcomeError` where its end was not seen. */
  readonly exec: (pod: PodRef, hook: AdmittedHook) => Promise<HookAnswer>
}

export async function runHook(seams: HookSeams, pod: PodRef, which: HookName): Promise<HookAnswer> {
  const { namespace } = pod
  if (!(await isAllowed(seams, namespace)))
    throw new RefusedRequestError(
      403,
      `exec hooks are not allowed in namespace ${namespace}; an administrator allows them by its annotation ${KEY.policy}: "allow: {exec: true}"`,
    )
  const hook = await seams.admittedHook(pod, which)
  if (hook === undefined)
    throw new RefusedRequestError(
      404,
      `pod ${pod.name} was not admitted with an exec hook backup.${which}`,
    )
  try {
    return await seams.exec(pod, hook)
  } catch (cause) {
    if (!(cause instanceof ForbiddenError)) throw cause
    const account = `${seams.ownNamespace}:holdfast-webhook`
    throw new RefusedRequestError(
      403,
      `the service may not run commands in namespace ${namespace}: a RoleBinding of the ClusterRole holdfast-exec is missing; kubectl -n ${namespace} create rolebinding holdfast-exec --clusterrole=holdfast-exec --serviceaccount=${account}`,
      { cause },
    )
  }
}

async function isAllowed({ policies, defaults }: HookSeams, namespace: string): Promise<boolean> {
  const { policy } = await policies.factsOf(namespace)
  const layers = { pod: {}, namespace: policy === undefined ? {} : readPolicy(policy) }
  return effectivePolicy({ ...layers, service: defaults })['allow.exec'].value
}

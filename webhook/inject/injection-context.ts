import type { Policy } from '../../shared/declaration/policy.ts'
import type { AgentService } from '../../shared/sidecar-contract.ts'
import type { ContainerBound } from './limit-range.ts'
import type { ResolvedPin } from './pin-resolver.ts'

/** What the service was set up with. */
export interface ServiceSettings {
  /** The sidecar's image. */
  readonly image: string
  /** The service's defaults, with the store where it has one. */
  readonly defaults: Policy
  /** Secret of the pod's namespace with the AWS environment; it need not exist. */
  readonly credentialsSecret: string
  /** Environment that every sidecar gets: endpoint and region of the store. */
  readonly storeEnvironment: readonly { readonly name: string; readonly value: string }[]
  /** What the sidecar's last flush may take; the grace period grows by it. */
  readonly flushSeconds: number
  /** The namespace that the service runs in; its own pods are never touched. */
  readonly ownNamespace: string
  /** Where agents report to, and by whose certificate they know it. Null: nowhere. */
  readonly agentService: AgentService | null
}

/** What is to be known of a Namespace. */
export interface NamespaceFacts {
  /** Value of `holdfast.dev/policy`, as it stands. */
  readonly policy?: string
  /** Pod Security `restricted` is enforced. */
  readonly restricted: boolean
  /** Whom the cluster makes the user of a pod that says none, as a rule; absent: nobody. */
  readonly assignedUser?: number
  /** What its LimitRanges say of each container; absent: nothing. */
  readonly containerBounds?: readonly ContainerBound[]
}

export interface InjectionContext {
  /** From the admission request, never from the object. */
  readonly namespace: string
  readonly facts: NamespaceFacts
  readonly service: ServiceSettings
  /** What the pod's pin was resolved to; null where it has none. */
  readonly resolved: ResolvedPin | null
}

import { KEY } from '../../shared/sidecar-contract.ts'
import type { NamespaceFacts } from '../inject/injection-context.ts'

/** What is known of the Namespaces. */
export interface NamespacePolicies {
  /** A Namespace that is not known has no policy. Throws a `HoldfastError` where it cannot be known now. */
  factsOf(namespace: string): Promise<NamespaceFacts>
}

/** Of a Namespace object, what says something to us. */
export interface NamespaceMetadata {
  readonly labels?: Readonly<Record<string, string>> | null | undefined
  readonly annotations?: Readonly<Record<string, string>> | null | undefined
}

export const UNKNOWN_NAMESPACE: NamespaceFacts = { restricted: false }

const POD_SECURITY = 'pod-security.kubernetes.io/enforce'
/** OpenShift: the users of the Namespace's pods, as `first/count` or `first-last`. */
const UID_RANGE = 'openshift.io/sa.scc.uid-range'

/** What counts of a Namespace object. */
export function namespaceFacts({ labels, annotations }: NamespaceMetadata): NamespaceFacts {
  const policy = annotations?.[KEY.policy]
  const restricted = labels?.[POD_SECURITY] === 'restricted'
  const firstUser = /^(\d{1,10})[/-]\d/.exec(annotations?.[UID_RANGE] ?? '')?.[1]
  return {
    ...(policy !== undefined && { policy }),
    restricted,
    ...(firstUser !== undefined && { assignedUser: Number(firstUser) }),
  }
}

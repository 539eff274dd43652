/** All that the service asks of its cluster. Loaded only where there is one: the client is half of the program's memory. */
import { systemClock } from '../../shared/clock.ts'
import type { NamespacePolicies } from '../admission/namespace-policies.ts'
import type { CertificateStore, TrustedBundles } from '../certificates/certificate-store.ts'
import type { ControllerPorts } from '../controller/controller.ts'
import type { LeaseStore } from '../leader/lease.ts'
import type { RunningPods } from '../workload/running-pods.ts'
import { certificateSecret } from './certificate-secret.ts'
import { connect, loadKubeConfig } from './connect.ts'
import { eventsOfCluster } from './events.ts'
import { keptPins } from './kept-pins.ts'
import { leaseStore } from './leases.ts'
import { namespacePoliciesFromCluster } from './namespaces.ts'
import { admittedHookOf, execInPods } from './pod-exec.ts'
import { podFeed } from './pod-feed.ts'
import { podsOfCluster } from './pods.ts'
import { tokenReviewer } from './token-reviews.ts'
import { trustedBundles } from './trusted-bundles.ts'
import { workloadPods } from './workload-pods.ts'

export interface Cluster {
  readonly policies: NamespacePolicies
  readonly workloadPods: RunningPods
  readonly leadership: LeaseStore
  readonly certificates: CertificateStore
  readonly bundles: TrustedBundles
  readonly controller: Pick<
    ControllerPorts,
    'pods' | 'events' | 'review' | 'feed' | 'admittedHook' | 'exec' | 'keptPins'
  >
}

/** Our Lease, and our webhook configurations. */
const NAME = 'holdfast-webhook'
const CERTIFICATES = 'holdfast-webhook-tls'

/**
 * @param kubeconfig a file; undefined: what the kubelet gives to each pod.
 * @param namespace that the service runs in.
 * @param podName what this process is called among the replicas.
 */
export function openCluster(
  kubeconfig: string | undefined,
  namespace: string,
  podName: string,
): Cluster {
  const api = connect(kubeconfig)
  return {
    policies: namespacePoliciesFromCluster(api),
    workloadPods: workloadPods(api),
    leadership: leaseStore(api, namespace, NAME),
    certificates: certificateSecret(api, namespace, CERTIFICATES),
    bundles: trustedBundles(api, NAME, namespace),
    controller: {
      pods: podsOfCluster(api),
      events: eventsOfCluster(api, podName, () => new Date()),
      review: tokenReviewer(api),
      feed: podFeed(api, systemClock),
      keptPins: keptPins(api, namespace),
      admittedHook: admittedHookOf(api),
      exec: execInPods(loadKubeConfig(kubeconfig)),
    },
  }
}

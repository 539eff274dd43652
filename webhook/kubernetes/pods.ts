/** Pods one at a time: needs `get` on pods, and `patch` on pods/status, which brings the annotations, too: one write to etcd. */
import type { PodFacts, Pods, ProtectedCondition } from '../controller/pod-facts.ts'
import { CONDITION } from '../controller/condition.ts'
import type { ClusterApi } from './cluster-api.ts'
import { MissingObjectError } from './cluster-error.ts'
import { readPod, reducePod, runningContainers, type PodObject } from './reduce-pod.ts'
import { PODS } from './resources.ts'

/** Whatever the API server has in its cache. */
const ANY_VERSION = { resourceVersion: '0' }

export function podsOfCluster(api: ClusterApi): Pods {
  return {
    async read(namespace, name) {
      const pod = await readLive(api, namespace, name)
      return pod === undefined ? undefined : reducePod(pod)
    },
    async containers({ namespace, name, uid }) {
      const pod = await get(api, namespace, name, ANY_VERSION)
      return pod?.metadata.uid === uid ? runningContainers(pod) : []
    },
    async write(pod, { condition, marks }) {
      const { namespace, name } = pod
      const body = patchOf(pod, condition, marks)
      const call = {
        verb: 'patch',
        resource: PODS,
        namespace,
        name,
        subresource: 'status',
      } as const
      await api.call({ ...call, patch: 'strategic', body })
    },
  }
}

/** By a read that no cache answers; undefined: there is none of that name. */
export function readLive(
  api: ClusterApi,
  namespace: string,
  name: string,
): Promise<PodObject | undefined> {
  return get(api, namespace, name, {})
}

async function get(
  api: ClusterApi,
  namespace: string,
  name: string,
  query: Readonly<Record<string, string>>,
): Promise<PodObject | undefined> {
  try {
    return readPod(await api.call({ verb: 'get', resource: PODS, namespace, name, query }))
  } catch (error) {
    if (error instanceof MissingObjectError) return undefined
    throw error
  }
}

/** Strategic: conditions are merged by their types, so that those of others stand. */
function patchOf(
  { uid, resourceVersion }: PodFacts,
  condition: ProtectedCondition | null,
  annotations: Readonly<Record<string, string>>,
): object {
  return {
    metadata: { uid, resourceVersion, annotations },
    ...(condition !== null && { status: { conditions: [toObject(condition)] } }),
  }
}

function toObject({ status, reason, message, since, heardAt }: ProtectedCondition): object {
  return {
    type: CONDITION,
    status,
    reason,
    message,
    lastTransitionTime: since,
    lastProbeTime: heardAt,
  }
}

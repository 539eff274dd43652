/** The pods that a workload has: needs `list` on pods. */
import * as v from 'valibot'
import type { RunningPod, RunningPods } from '../workload/running-pods.ts'
import type { PodSelector } from '../workload/workload.ts'
import type { ClusterApi } from './cluster-api.ts'
import { readObject } from './read-object.ts'
import { PODS } from './resources.ts'

/** One tells the user; of those that are not Ready, a sentence names a few. */
const LIMIT = '100'

const Statuses = v.nullish(
  v.array(
    v.object({
      name: v.string(),
      user: v.nullish(
        v.object({ linux: v.nullish(v.object({ uid: v.number(), gid: v.number() })) }),
      ),
    }),
  ),
)

const PodListSchema = v.object({
  items: v.array(
    v.object({
      metadata: v.object({ name: v.string(), deletionTimestamp: v.nullish(v.string()) }),
      status: v.nullish(
        v.object({
          conditions: v.nullish(v.array(v.object({ type: v.string(), status: v.string() }))),
          containerStatuses: Statuses,
          initContainerStatuses: Statuses,
        }),
      ),
    }),
  ),
})

export function workloadPods(api: ClusterApi): RunningPods {
  return {
    async podsOf(namespace, { spec }) {
      const labelSelector = selectorText(spec.selector ?? {})
      // It would select every pod: a CronJob has no selector, and a Job gets its own from the API server.
      if (labelSelector === '') return []
      const query = { labelSelector, limit: LIMIT }
      const list = await api.call({ verb: 'list', resource: PODS, namespace, query })
      return readObject(PodListSchema, list).items.map(runningPod)
    },
  }
}

/** As the API server takes it in a query. */
function selectorText({ matchLabels, matchExpressions }: PodSelector): string {
  const equal = Object.entries(matchLabels ?? {}).map(([key, value]) => `${key}=${value}`)
  const others = (matchExpressions ?? []).map(({ key, operator, values }) => {
    if (operator === 'Exists') return key
    if (operator === 'DoesNotExist') return `!${key}`
    return `${key} ${operator.toLowerCase()} (${(values ?? []).join(',')})`
  })
  return [...equal, ...others].join(',')
}

type Item = v.InferOutput<typeof PodListSchema>['items'][number]

function runningPod({ metadata, status }: Item): RunningPod {
  const statuses = [...(status?.containerStatuses ?? []), ...(status?.initContainerStatuses ?? [])]
  const users = statuses.flatMap(({ name, user }) =>
    user?.linux ? [[name, user.linux] as const] : [],
  )
  return {
    name: metadata.name,
    ready: (status?.conditions ?? []).some((one) => one.type === 'Ready' && one.status === 'True'),
    terminating: Boolean(metadata.deletionTimestamp),
    users: new Map(users),
  }
}

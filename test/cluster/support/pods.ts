/** Pods of an app: which they are, what they say, what is asked of them, how their processes are killed. */
import type { Manifest } from '../../manifests/chart.ts'
import { runTool } from '../../support/cluster-tools.ts'
import { apply, find, read, until } from './objects.ts'
import { TOOLS } from './app-images.ts'
import type { Named } from './workloads.ts'

export const SIDECAR = 'holdfast'

/** Of the app by its label; those that are going, too. */
export function podsOf({ namespace, name }: Named): Manifest[] {
  return read('-n', namespace, 'pods', '-l', `app=${name}`).items
}

/** The one pod that is ready and stays. @param not its predecessor's uid. */
export async function readyPod(app: Named, not?: string): Promise<Manifest> {
  return until(`a ready pod of ${app.name}`, () =>
    podsOf(app).find(
      (pod) =>
        isReady(pod) && pod.metadata.deletionTimestamp === undefined && pod.metadata.uid !== not,
    ),
  )
}

/** Undefined where there is none. */
export function conditionOf(pod: Manifest, type: string): Manifest {
  const conditions = (pod.status.conditions ?? []) as Manifest[]
  return conditions.find((condition) => condition.type === type)
}

export function isReady(pod: Manifest): boolean {
  return conditionOf(pod, 'Ready')?.status === 'True'
}

export function exec(pod: Manifest, container: string, ...command: readonly string[]): string {
  const { namespace, name } = pod.metadata
  return runTool('kubectl', '-n', namespace, 'exec', name, '-c', container, '--', ...command)
}

/** The condition that Holdfast keeps on a pod; undefined where there is none. */
export function protectedCondition(pod: Manifest): Manifest {
  return conditionOf(pod, 'holdfast.dev/Protected')
}

/** Number of the newest version, as the pod's annotation tells it; 0: it tells none. */
export function lastVersion(pod: Manifest): number {
  const told = String(pod.metadata.annotations['holdfast.dev/last-version'] ?? '')
  return Number(/^v(\d+)$/.exec(told)?.[1] ?? 0)
}

export function statusOf(pod: Manifest, container: string): Manifest {
  const { containerStatuses = [], initContainerStatuses = [] } = pod.status
  const all = [...containerStatuses, ...initContainerStatuses] as Manifest[]
  return all.find(({ name }) => name === container)
}

/** SIGKILL to the first process of a container, as the kernel's or a bug's: only the node can send it. */
export function killContainers(pod: Manifest, ...containers: readonly string[]): void {
  const ids = containers.map((name) => {
    const id = String(statusOf(pod, name).containerID)
    return id.slice(id.indexOf('://') + 3)
  })
  // The first process of each: the one whose parent is of another container.
  const script = `for id in ${ids.join(' ')}; do
    for cgroup in $(grep -l "$id" /proc/[0-9]*/cgroup 2>/dev/null | sort -t / -k 3 -n); do
      pid=\${cgroup#/proc/}; pid=\${pid%/cgroup}; echo $pid; break
    done
  done`
  const pids = execOnNode(script).trim().split('\n')
  if (pids.length !== ids.length) throw new Error(`of ${ids.join(', ')} these run: ${pids.join()}`)
  execOnNode(`kill -9 ${pids.join(' ')}`)
}

const OPERATOR = { namespace: 'default', name: 'node-operator' }

/** Runs a shell script among the node's processes. */
function execOnNode(script: string): string {
  const operator = ['-n', OPERATOR.namespace, 'pod', OPERATOR.name]
  if (find(...operator) === undefined) {
    apply(operatorPod())
    runTool('kubectl', 'wait', '--for=condition=Ready', '--timeout=60s', ...operator)
  }
  const pod = { metadata: OPERATOR }
  return exec(pod, 'operator', 'sh', '-c', script)
}

function operatorPod(): object {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: OPERATOR,
    spec: {
      hostPID: true,
      terminationGracePeriodSeconds: 1,
      tolerations: [{ operator: 'Exists' }],
      containers: [
        {
          name: 'operator',
          image: TOOLS,
          command: ['sleep', '1000000'],
          securityContext: { privileged: true },
        },
      ],
    },
  }
}

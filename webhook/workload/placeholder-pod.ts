/** A pod as the workload's controller would make it, as far as injection looks at it. */
import type { Workload } from './workload.ts'

/** In the place of what a ReplicaSet hashes, of a node, of the minute of a run. */
const HASH = 'template'
const NODE = 'node'
const RUN = '00000000'

export function placeholderPod(workload: Workload): object {
  const { kind, template } = workload
  const identity = identityOf(workload)
  const controller = { apiVersion: 'v1', uid: 'placeholder', controller: true }
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      ...template.metadata,
      ...(identity.name === undefined
        ? { generateName: `${identity.owner.name}-` }
        : { name: identity.name }),
      labels: { ...template.metadata?.labels, ...identity.labels },
      ownerReferences: [{ ...controller, ...identity.owner }],
    },
    spec: { ...template.spec, ...(kind === 'DaemonSet' && { nodeName: NODE }) },
  }
}

interface PlaceholderIdentity {
  /** Undefined: it is generated. */
  readonly name?: string
  readonly owner: { readonly kind: string; readonly name: string }
  readonly labels?: Readonly<Record<string, string>>
}

function identityOf({ kind, name, spec }: Workload): PlaceholderIdentity {
  switch (kind) {
    case 'Deployment':
      return {
        owner: { kind: 'ReplicaSet', name: `${name}-${HASH}` },
        labels: { 'pod-template-hash': HASH },
      }
    case 'StatefulSet':
      return { name: `${name}-${spec.ordinals?.start ?? 0}`, owner: { kind, name } }
    case 'DaemonSet':
      return { owner: { kind, name } }
    case 'Job': {
      const labels = { 'batch.kubernetes.io/job-completion-index': '0' }
      return { owner: { kind, name }, ...(spec.completionMode === 'Indexed' && { labels }) }
    }
    case 'CronJob':
      return { owner: { kind: 'Job', name: `${name}-${RUN}` } }
  }
}

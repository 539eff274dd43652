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
    spec: {
      ...template.spec,
      ...(kind === 'DaemonSet' && { nodeName: NODE }),
      ...(kind === 'StatefulSet' && { volumes: volumesOf(workload) }),
    },
  }
}

/** The controller adds a volume for each claim, in the place of one of that name. */
function volumesOf({ name, template, spec }: Workload): object[] {
  const claims = (spec.volumeClaimTemplates ?? []).map(({ metadata }) => metadata.name)
  const others = (template.spec.volumes ?? []).filter((volume) => !claims.includes(volume.name))
  const added = claims.map((claim) => ({
    name: claim,
    persistentVolumeClaim: { claimName: `${claim}-${name}-0` },
  }))
  return [...others, ...added]
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

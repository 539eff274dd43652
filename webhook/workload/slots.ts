import type { Workload } from './workload.ts'

/** How many slots, each with a stream of its own, a workload fills at once; undefined: nobody has counted its nodes. */
export function slotCount({ kind, spec, scheduled }: Workload): number | undefined {
  switch (kind) {
    case 'Deployment':
    case 'StatefulSet':
      return spec.replicas ?? 1
    case 'DaemonSet':
      return scheduled === 0 ? undefined : scheduled
    case 'Job':
    case 'CronJob':
      return spec.completionMode === 'Indexed' ? (spec.completions ?? 1) : 1
  }
}

import type { Workload } from './workload.ts'

/** What is to be known of a pod that a workload has. */
export interface RunningPod {
  readonly name: string
  readonly ready: boolean
  /** It is on its way out. */
  readonly terminating: boolean
  /** Who a container runs as, by its name, as far as the kubelet tells. */
  readonly users: ReadonlyMap<string, { readonly uid: number; readonly gid: number }>
}

export interface RunningPods {
  /** Pods that the workload's selector matches, some where there are many. Throws a `HoldfastError` where that cannot be known now. */
  podsOf(namespace: string, workload: Workload): Promise<readonly RunningPod[]>
}

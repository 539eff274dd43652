import type { Container, Pod } from './pod-spec.ts'

/** A sidecar has to be started (its startupProbe passed), an init container to be done, before the next step. */
export interface InitStep {
  until: 'started' | 'done'
  container: Container
}

export interface OrderPlan {
  /** One after the other. */
  init: InitStep[]
  /** All together, after the last init step. */
  apps: Container[]
}

export function orderPlan({ spec }: Pod): OrderPlan {
  const init = spec.initContainers.map((container): InitStep => {
    return { until: container.restartPolicy === 'Always' ? 'started' : 'done', container }
  })
  return { init, apps: spec.containers }
}

export interface StopStep {
  container: Container
  /** Run at once, whatever this container waits for. */
  preStop: string[] | undefined
  /** SIGTERM comes after preStop, and after these have ended. */
  after: string[]
}

/** Apps and plain init containers at once; sidecars in reverse order, each after all apps and the later sidecars. */
export function stopPlan(pod: Pod): StopStep[] {
  const { init, apps } = orderPlan(pod)
  const sidecars = init.filter(({ until }) => until === 'started').map((s) => s.container)
  const plain = init.filter(({ until }) => until === 'done').map((s) => s.container)
  return [
    ...[...plain, ...apps].map((container) => step(container, [])),
    ...sidecars.map((sidecar, index) =>
      step(sidecar, [...names(apps), ...names(plain), ...names(sidecars.slice(index + 1))]),
    ),
  ]
}

function step(container: Container, after: string[]): StopStep {
  return { container, preStop: container.lifecycle?.preStop?.exec.command, after }
}

function names(containers: Container[]): string[] {
  return containers.map(({ name }) => name)
}

/** The kubelet gives every container this much, also one whose turn came when the grace period had passed. */
const SHORTEST_STOP_MS = 2000

/** How long after SIGTERM the SIGKILL comes. The grace period is one for the whole pod: waiting has eaten of it. */
export function stopWindowMs(graceMs: number, waitedMs: number): number {
  return Math.max(graceMs - waitedMs, SHORTEST_STOP_MS)
}

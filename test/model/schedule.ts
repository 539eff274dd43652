/** What could happen next in the model's world, and when. */
import type { Pod } from './pod.ts'
import type { Point } from './sim-agent.ts'

export const GRACE_SECONDS = 4

/** What could go on now, of agents that are neither dead nor paused. */
export function readyPoints(pods: readonly Pod[], nowMs: number): { pod: Pod; point: Point }[] {
  return pods
    .filter(({ alive, paused }) => alive && !paused)
    .flatMap((pod) => pod.agent.points.map((point) => ({ pod, point })))
    .filter(({ point }) => point.dueMs === undefined || point.woken || point.dueMs <= nowMs)
}

/** Virtual time of the next thing that only time brings; undefined when there is none. */
export function nextDueMs(pods: readonly Pod[], nowMs: number): number | undefined {
  const sleeps = pods
    .filter(({ alive, paused }) => alive && !paused)
    .flatMap(({ agent }) => agent.points.flatMap(({ dueMs }) => dueMs ?? []))
  const later = [...pods.map(graceEndsMs), ...sleeps].filter((ms) => ms > nowMs && ms < Infinity)
  return later.length === 0 ? undefined : Math.min(...later)
}

/** Virtual time at which the kubelet ends a pod that was told to stop; Infinity for one that it does not end. */
export function graceEndsMs({ alive, inCluster, terminatedMs }: Pod): number {
  if (!alive || !inCluster || terminatedMs === undefined) return Infinity
  return terminatedMs + GRACE_SECONDS * 1000
}

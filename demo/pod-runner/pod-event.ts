/** What the runner reports. `atMs` counts from the runner's start on a clock that never goes back. */
export interface PodEvent {
  atMs: number
  /** The pod's name; of a pod that was refused, its generateName. */
  pod: string
  container?: string
  what: EventKind
  /** For people: the reason, an output, a pid, an exit code. */
  detail: string
}

export type EventKind =
  | 'pod-created'
  | 'create-failed'
  | 'container-started'
  | 'container-ended'
  | 'back-off'
  | 'probe-failed'
  | 'startup-passed'
  | 'ready'
  | 'not-ready'
  | 'metadata-changed'
  | 'volume-wiped'
  | 'terminating'
  | 'pre-stop-started'
  | 'pre-stop-ended'
  | 'sigterm'
  | 'sigkill'
  | 'pod-lost'
  | 'pod-gone'

export type Report = (what: EventKind, detail: string, container?: string) => void

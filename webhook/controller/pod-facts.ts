/** What the controller knows of a pod: reduced at the door, so that very many of them fit into memory. */

/** By what others mean the same pod. */
export interface PodRef {
  readonly namespace: string
  readonly name: string
  readonly uid: string
}

/** The condition `holdfast.dev/Protected` as it stands. */
export interface ProtectedCondition {
  readonly status: 'True' | 'False' | 'Unknown'
  /** CamelCase. */
  readonly reason: string
  readonly message: string
  /** RFC 3339; moves only with the status. */
  readonly since: string
  /** RFC 3339: when the report came that says so. */
  readonly heardAt: string
}

/** Of what the sidecar was told at CREATE. */
export interface AdmittedFacts {
  readonly app: string
  readonly slot: string | null
  readonly store: string
  readonly pin: string | null
  readonly restoreRequest: string | null
  readonly withinMs: number
  /** Those that the pin has set, and what the template says instead. */
  readonly pinnedImages: readonly PinnedImage[]
}

export interface PinnedImage {
  readonly container: string
  readonly image: string
  readonly template: string
}

export interface Owner {
  readonly apiVersion: string
  readonly kind: string
  readonly name: string
  readonly uid: string
}

export interface RunningContainer {
  readonly container: string
  /** As the spec names it now. */
  readonly image: string
  /** As the container runtime names it; empty where it does not run yet. */
  readonly imageId: string
}

export interface PodFacts extends PodRef {
  /** Another with each change. */
  readonly resourceVersion: string
  readonly owner: Owner | null
  /** Told to end; its containers may still run. */
  readonly terminating: boolean
  /** All containers have ended, for good. */
  readonly ended: boolean
  /** It has the annotation `holdfast.dev/state`, and is no static pod's mirror. */
  readonly declares: boolean
  /** Null: it has no sidecar of ours. */
  readonly admitted: AdmittedFacts | null
  readonly restoreLabel: string | null
  readonly condition: ProtectedCondition | null
  /** Of our own annotations those that are written to a live pod, by their keys. */
  readonly marks: Readonly<Record<string, string>>
}

/** How pods are read and written, one at a time. All throw what the API server throws. */
export interface Pods {
  /** By a read that no cache answers; undefined: there is none of that name. */
  read(namespace: string, name: string): Promise<PodFacts | undefined>
  /** Of the app and its init containers, as far as a cache knows them; none where the pod is another one by now. */
  containers(pod: PodRef): Promise<readonly RunningContainer[]>
  /** In one write, and only to the very pod as it was read: else throws a `ConflictError`. */
  write(pod: PodFacts, write: PodWrite): Promise<void>
}

export interface PodWrite {
  /** Null: it stands. */
  readonly condition: ProtectedCondition | null
  /** Those that change. */
  readonly marks: Readonly<Record<string, string>>
}

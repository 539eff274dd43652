/** What the ports ask the API server for. A call says all that RBAC judges, so that a refusal can name what is missing. */

export interface Resource {
  /** '' is the core group. */
  readonly group: string
  readonly version: string
  /** The plural, as in paths and in RBAC: `configmaps`. */
  readonly plural: string
}

export interface ClusterCall {
  readonly verb: 'get' | 'list' | 'create' | 'update' | 'patch' | 'delete'
  readonly resource: Resource
  /** None: of the cluster, or of all namespaces. */
  readonly namespace?: string
  /** None for `list` and `create`; but `create` on a subresource has one. */
  readonly name?: string
  readonly subresource?: string
  readonly query?: Readonly<Record<string, string>>
  readonly body?: object
  /** What kind of patch `body` is. */
  readonly patch?: 'merge' | 'strategic'
  /** The call is given up when it aborts. */
  readonly signal?: AbortSignal
}

export interface WatchCall {
  readonly resource: Resource
  readonly namespace?: string
  /** Selectors, `resourceVersion`, `timeoutSeconds`; `watch` is set. */
  readonly query: Readonly<Record<string, string>>
  readonly signal: AbortSignal
}

/** One line of a watch, as the API server wrote it. */
export interface WatchLine {
  readonly type: string
  readonly object: unknown
}

export interface ClusterApi {
  /**
   * Answers the body of the API server's answer; nothing of it is checked. Throws a `ClusterError`, by what is wrong,
   * or a `ClusterUnreachableError`.
   */
  call(call: ClusterCall): Promise<unknown>
  /** Ends with the API server's own end of the watch; throws as `call` does, also in the middle. */
  watch(call: WatchCall): AsyncIterable<WatchLine>
}

/**
 * A kubelet in small: runs pods as processes of this machine, without mount or network namespaces.
 *   mounts   folders; an app's env and args that begin with a mountPath are rewritten to the folder, and every
 *            process finds all its mountPaths below HOLDFAST_ROOT
 *   ports    each declared containerPort becomes a port of this machine, in PORT and *_PORT variables, in probes,
 *            and for callers by `pod.url(declaredPort)`
 */
import { randomUUID } from 'node:crypto'
import { HoldfastError } from '../../shared/errors.ts'
import { type BackOffLimits, KUBELET_BACK_OFF } from './back-off.ts'
import { Changes } from './changes.ts'
import { freePort } from './free-port.ts'
import { LocalPod } from './local-pod.ts'
import type { PodEvent } from './pod-event.ts'
import type { PodMachine } from './pod-machine.ts'
import { parsePod, type Pod } from './pod-spec.ts'
import { ProcessGuard } from './process-guard.ts'
import type { Surroundings } from './process-plan.ts'

export interface PodRunnerOptions extends Partial<Surroundings> {
  /** Absolute; holds `pods/` and `claims/`. */
  directory: string
  images: Surroundings['images']
  imageEnv: Surroundings['imageEnv']
  /** A port of this machine for a declared one; undefined: the runner picks a free one. */
  portFor?: (container: string, declaredPort: number) => number | undefined
  backOff?: BackOffLimits
  onEvent?: (event: PodEvent) => void
}

export class PodRunner {
  readonly pods = new Set<LocalPod>()
  readonly #closing = new AbortController()
  readonly #machine: PodMachine
  readonly #portFor: NonNullable<PodRunnerOptions['portFor']>

  constructor({ portFor, onEvent, ...options }: PodRunnerOptions) {
    const began = performance.now()
    this.#portFor = portFor ?? (() => undefined)
    this.#machine = {
      programs: {},
      secrets: {},
      nodeName: 'node-1',
      backOff: KUBELET_BACK_OFF,
      changes: new Changes(),
      guard: new ProcessGuard(),
      report: (pod, what, detail, container) =>
        onEvent?.({
          atMs: performance.now() - began,
          pod,
          ...(container === undefined ? {} : { container }),
          what,
          detail,
        }),
      ...options,
    }
  }

  /**
   * Starts a Pod object as the admission left it (a uid is given to one without). Returns once it is created, long
   * before it is ready. Throws UsageError, and starts nothing, when the pod asks for what the runner has not.
   */
  async createPod(object: unknown): Promise<LocalPod> {
    const spec = parsePod(structuredClone(object))
    spec.metadata.uid ??= randomUUID()
    const ports = await this.#ports(spec)
    if (this.closed.aborted) throw new HoldfastError('the pod runner is closed; it starts no pod')
    const pod = new LocalPod(spec, this.#machine, ports)
    this.pods.add(pod)
    void pod.whenGone().then(() => this.pods.delete(pod))
    pod.start()
    return pod
  }

  /** Comes with `close`: controllers end their work. */
  get closed(): AbortSignal {
    return this.#closing.signal
  }

  /** For controllers that act on this node. */
  reportFailedCreate(pod: string, reason: string): void {
    this.#machine.report(pod, 'create-failed', reason)
  }

  /** Kills all pods, starts no more, and ends the guard. Folders stay. */
  async close(): Promise<void> {
    this.#closing.abort()
    await Promise.all([...this.pods].map((pod) => pod.kill()))
    await this.#machine.guard.close()
  }

  async #ports({ spec }: Pod): Promise<Map<number, number>> {
    const ports = new Map<number, number>()
    for (const { name, ports: declared } of [...spec.initContainers, ...spec.containers]) {
      for (const { containerPort } of declared) {
        ports.set(containerPort, this.#portFor(name, containerPort) ?? (await freePort()))
      }
    }
    return ports
  }
}

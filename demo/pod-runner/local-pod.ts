/**
 * The life of one pod, as a kubelet leads it:
 *   init steps one after the other (a sidecar until started, an init container until done) -> apps together
 *   -> on delete: preStop of all and SIGTERM of the apps at once, sidecars in reverse after them -> volumes removed.
 * Not as in a cluster: no isolation of any kind, and a pod never moves to a phase of completion.
 */
import fs from 'node:fs'
import path from 'node:path'
import { UsageError } from '../../shared/errors.ts'
import type { Changes } from './changes.ts'
import { LocalContainer } from './local-container.ts'
import { orderPlan, stopPlan, type StopStep, stopWindowMs } from './order-plan.ts'
import type { Report } from './pod-event.ts'
import type { PodMachine } from './pod-machine.ts'
import type { Pod } from './pod-spec.ts'
import { PodVolumes } from './pod-volumes.ts'
import { containerEnv, processPlan } from './process-plan.ts'
import { probePort } from './run-probe.ts'

export type PodPhase = 'pending' | 'running' | 'terminating' | 'gone'

const SHARED_MEMORY = '/dev/shm'

export class LocalPod {
  readonly spec: Pod
  /** Holds `logs/` beyond the pod's end; the volumes below it end with the pod. */
  readonly folder: string
  phase: PodPhase = 'pending'
  readonly #machine: PodMachine
  readonly #changes: Changes
  readonly #volumes: PodVolumes
  readonly #ports: ReadonlyMap<number, number>
  readonly #containers = new Map<string, LocalContainer>()
  readonly #stopping = new AbortController()
  readonly #running: Promise<unknown>[] = []
  #ending: Promise<void> | undefined

  /** `ports`: port as declared -> port of this machine. Throws UsageError for what cannot be run; nothing is started. */
  constructor(spec: Pod, machine: PodMachine, ports: ReadonlyMap<number, number>) {
    const { namespace, name, uid } = spec.metadata
    this.spec = spec
    this.#machine = machine
    this.#changes = machine.changes
    this.#ports = ports
    this.folder = path.join(machine.directory, 'pods', `${namespace}_${name}_${uid}`)
    const claims = path.join(machine.directory, 'claims')
    this.#volumes = new PodVolumes(spec, machine.nodeName, this.folder, claims)
    try {
      for (const container of [...spec.spec.initContainers, ...spec.spec.containers]) {
        this.#containers.set(container.name, this.#container(container))
      }
    } catch (error) {
      fs.rmSync(this.folder, { recursive: true, force: true })
      throw error
    }
  }

  get name(): string {
    return this.spec.metadata.name
  }

  /** Every app is ready and every sidecar started: a Service would send requests here. */
  get ready(): boolean {
    const { init, apps } = orderPlan(this.spec)
    const sidecars = init.filter(({ until }) => until === 'started')
    return (
      this.phase === 'running' &&
      apps.every(({ name }) => this.container(name).ready) &&
      sidecars.every(({ container }) => this.container(container.name).started)
    )
  }

  container(name: string): LocalContainer {
    const container = this.#containers.get(name)
    if (container) return container
    throw new UsageError(`pod ${this.name} has no container ${name}`)
  }

  /** Of this machine, for a port as the pod declares it. */
  hostPort(declaredPort: number): number {
    return this.#ports.get(declaredPort) ?? declaredPort
  }

  /** Without trailing slash. */
  url(declaredPort: number): string {
    return `http://127.0.0.1:${this.hostPort(declaredPort)}`
  }

  volumeFolder(volume: string): string {
    return this.#volumes.folder(volume)
  }

  /** The last lines that a container printed, through all its restarts; also after the pod's end. */
  tail(container: string, lines = 20): string {
    const file = this.#logFile(this.container(container).spec.name)
    if (!fs.existsSync(file)) return ''
    return fs.readFileSync(file, 'utf8').trimEnd().split('\n').slice(-lines).join('\n')
  }

  start(): void {
    this.#report('pod-created', this.spec.metadata.uid ?? '')
    this.#running.push(this.#run())
  }

  async #run(): Promise<void> {
    const { init, apps } = orderPlan(this.spec)
    const stopping = this.#stopping.signal
    for (const { container, until } of init) {
      const local = this.container(container.name)
      const supervised = local.supervise(stopping, () => Promise.resolve(), until === 'done')
      this.#running.push(supervised)
      if (until === 'done') await supervised
      else await this.#changes.until(() => local.started, stopping)
      if (stopping.aborted) return
    }
    this.phase = 'running'
    for (const { name } of apps) {
      const turn = () => this.#changes.until(() => this.#mayStartApp(), stopping)
      this.#running.push(this.container(name).supervise(stopping, turn))
    }
  }

  /** A dead app waits for a sidecar that restarts; but not beside another app that lives. */
  #mayStartApp(): boolean {
    const { init, apps } = orderPlan(this.spec)
    if (apps.some(({ name }) => this.container(name).running)) return true
    const sidecars = init.filter(({ until }) => until === 'started')
    return sidecars.every(({ container }) => this.container(container.name).started)
  }

  /** False when it is leaving, or the signal came first. */
  async whenReady(signal?: AbortSignal): Promise<boolean> {
    await this.#changes.until(() => this.ready || this.#leaving, signal)
    return this.ready
  }

  get #leaving(): boolean {
    return this.phase === 'terminating' || this.phase === 'gone'
  }

  /** It is being deleted, or was lost: a ReplicaSet replaces it now. */
  async whenLeaving(): Promise<void> {
    await this.#changes.until(() => this.#leaving)
  }

  async whenGone(): Promise<void> {
    await this.#changes.until(() => this.phase === 'gone')
  }

  /** `kubectl delete pod`. Returns when it is gone. Asked again, it is the same deletion. */
  delete(graceSeconds = this.spec.spec.terminationGracePeriodSeconds): Promise<void> {
    this.#ending ??= this.#terminate(Math.ceil(graceSeconds * 1000))
    return this.#ending
  }

  async #terminate(graceMs: number): Promise<void> {
    this.phase = 'terminating'
    this.#report('terminating', `grace period ${graceMs / 1000} s`)
    const began = performance.now()
    this.#stopping.abort()
    await Promise.all(stopPlan(this.spec).map((step) => this.#stop(step, graceMs, began)))
    await this.#leave()
  }

  async #stop({ container, preStop, after }: StopStep, graceMs: number, began: number) {
    const local = this.container(container.name)
    const waited = () => performance.now() - began
    if (preStop && local.running && graceMs > 0) await local.preStop(preStop, graceMs)
    const left = AbortSignal.timeout(Math.max(0, Math.ceil(graceMs - waited())))
    await this.#changes.until(() => after.every((name) => !this.container(name).running), left)
    await local.terminate(stopWindowMs(graceMs, waited()))
  }

  /** The node is lost: everything ends at once, nobody is told. `loseClaims`: its disks with it. */
  async kill({ loseClaims = false } = {}): Promise<void> {
    if (this.phase === 'gone') return
    this.#report('pod-lost', loseClaims ? 'with its claims' : '')
    this.#stopping.abort()
    for (const container of this.#containers.values()) container.crash()
    const terminating = this.#ending
    this.#ending ??= this.#leave(loseClaims)
    await this.#ending
    if (terminating && loseClaims) this.#volumes.wipeClaims()
  }

  async #leave(loseClaims = false): Promise<void> {
    // `#run` adds to the list while it lasts.
    for (const running of this.#running) await running
    if (loseClaims) this.#volumes.wipeClaims()
    for (const part of ['volumes', 'roots']) {
      fs.rmSync(path.join(this.folder, part), { recursive: true, force: true })
    }
    this.#freeSharedMemory()
    this.phase = 'gone'
    this.#report('pod-gone', '')
  }

  /** A pod's shared memory is its own, and goes with it; here all pods have the machine's. */
  #freeSharedMemory(): void {
    if (!fs.existsSync(SHARED_MEMORY)) return
    const { uid = this.name } = this.spec.metadata
    for (const file of fs.readdirSync(SHARED_MEMORY))
      if (file.includes(uid)) fs.rmSync(path.join(SHARED_MEMORY, file), { force: true })
  }

  /** A crash of one container; it is restarted as the kubelet would. */
  killContainer(name: string): void {
    this.container(name).crash()
  }

  /** Empties a volume under the running pod. */
  wipeVolume(name: string): void {
    this.#volumes.wipe(name)
    this.#report('volume-wiped', name)
  }

  /** `kubectl annotate` and `kubectl label`: null removes. The downward files follow. */
  patchMetadata(patch: {
    annotations?: Record<string, string | null>
    labels?: Record<string, string | null>
  }): void {
    const { metadata } = this.spec
    metadata.annotations = merge(metadata.annotations, patch.annotations)
    metadata.labels = merge(metadata.labels, patch.labels)
    if (this.phase === 'gone') return
    this.#volumes.writeDownwardFiles()
    this.#report('metadata-changed', JSON.stringify(patch))
  }

  #container(spec: Pod['spec']['containers'][number]): LocalContainer {
    const { declared } = containerEnv(this.spec, spec, this.#machine)
    const root = path.join(this.folder, 'roots', spec.name)
    const place = {
      root,
      mounts: this.#volumes.layOut(spec, root, declared),
      ports: this.#ports,
    }
    const plan = (command?: string[]) => processPlan(this.spec, spec, this.#machine, place, command)
    plan()
    return new LocalContainer(spec, {
      plan,
      urlOf: (port) => this.url(probePort(spec, port)),
      report: this.#report,
      changes: this.#changes,
      guard: this.#machine.guard,
      backOff: this.#machine.backOff,
      logFile: this.#logFile(spec.name),
      graceMs: this.spec.spec.terminationGracePeriodSeconds * 1000,
    })
  }

  #logFile(container: string): string {
    return path.join(this.folder, 'logs', `${container}.log`)
  }

  readonly #report: Report = (what, detail, container) => {
    this.#machine.report(this.name, what, detail, container)
    this.#changes.announce()
  }
}

function merge(
  map: Record<string, string>,
  patch: Record<string, string | null> = {},
): Record<string, string> {
  const merged = Object.entries({ ...map, ...patch })
  return Object.fromEntries(merged.filter((entry): entry is [string, string] => entry[1] !== null))
}

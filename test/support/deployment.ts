/**
 * The pods of a Deployment, as a ReplicaSet and the kubelet treat them: real agents, each beside an app that goes on
 * writing down numbers, and a service that knows the pods. A pod that is deleted and its successor overlap.
 */
import fs from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { onTestFinished } from 'vitest'
import { createPod, type AgentPod, type PodOptions } from './agent-pod.ts'
import type { AgentProcess } from './agent-process.ts'
import type { StandInService } from './stand-in-service.ts'

/** Between two numbers of an app. */
const WRITE_MS = 25
/** An app goes on so long after SIGTERM. */
const APP_ENDS_MS = 150

/** One pod; its app has acknowledged what `written` holds. */
export class DeployedPod {
  readonly name: string
  readonly pod: AgentPod
  readonly agent: AgentProcess
  /** What the app found when it was let go. */
  found: string[] = []
  readonly written: string[] = []
  /** The agent has let the app go, and it runs. */
  readonly running: Promise<void>
  readonly #service: StandInService | undefined
  readonly #appEnds = new AbortController()
  #app: Promise<void> | undefined

  constructor(name: string, pod: AgentPod, service: StandInService | undefined) {
    this.name = name
    this.pod = pod
    this.#service = service
    service?.pods.set(pod.uid, 'alive')
    this.agent = pod.start()
    this.running = this.#startApp(path.join(pod.data, 'numbers'))
    this.running.catch(() => undefined)
  }

  /** The slot that it has taken. */
  async slot(): Promise<string> {
    return (await this.agent.health()).slot ?? 'none'
  }

  /** As `kubectl delete pod` or an eviction; its app goes on until `delete`. */
  async tellToEnd(): Promise<void> {
    this.#service?.pods.set(this.pod.uid, 'terminating')
    if (this.#app !== undefined) await this.agent.drain()
  }

  /** Told to end, flushed, gone. Resolves when it is. */
  async delete(): Promise<void> {
    await this.tellToEnd()
    if (this.#app !== undefined) await sleep(APP_ENDS_MS)
    await this.stopApp()
    await this.agent.stop()
    this.#service?.pods.delete(this.pod.uid)
  }

  async stopApp(): Promise<void> {
    this.#appEnds.abort()
    await this.#app
  }

  async hasWritten(count: number): Promise<void> {
    while (this.written.length < count) await sleep(WRITE_MS)
  }

  async #startApp(file: string): Promise<void> {
    await this.agent.ready()
    if (fs.existsSync(file)) this.found = fs.readFileSync(file, 'utf8').trim().split('\n')
    this.#app = this.#write(file)
  }

  async #write(file: string): Promise<void> {
    for (let n = 1; !this.#appEnds.signal.aborted; n += 1) {
      const line = `${this.name}:${n}`
      fs.appendFileSync(file, `${line}\n`)
      this.written.push(line)
      await sleep(WRITE_MS)
    }
  }
}

export class Deployment {
  readonly pods: DeployedPod[] = []
  readonly #options: PodOptions
  readonly #service: StandInService | undefined

  /** @param service undefined: the pods are told of none. */
  constructor(options: PodOptions, service: StandInService | undefined) {
    this.#service = service
    this.#options = {
      slot: null,
      exclusive: false,
      graceSeconds: 30,
      withinMs: 1000,
      service: service?.told ?? null,
      ...options,
    }
  }

  async create(more: Partial<PodOptions> = {}): Promise<DeployedPod> {
    const name = `shop-${this.pods.length + 1}`
    const pod = await createPod({ ...this.#options, ...more, name })
    const deployed = new DeployedPod(name, pod, this.#service)
    this.pods.push(deployed)
    onTestFinished(() => deployed.stopApp()) // before its folder goes
    return deployed
  }

  /** So many at once; resolves when their apps run. */
  async createRunning(count: number): Promise<DeployedPod[]> {
    const pods = await Promise.all(Array.from({ length: count }, () => this.create()))
    await Promise.all(pods.map(({ running }) => running))
    return pods
  }
}

/**
 * The world that agents live in: one bucket, volumes, pods, a clock, and a scheduler to whom every operation of every
 * agent is a point at which it may go on, wait, or end. One agent runs at a time, until it waits again: the same seed
 * gives the same history.
 */
import type { Context, StepName } from '../../agent/session/context.ts'
import type { PodState } from '../../shared/service-contract.ts'
import { SeededRandom } from '../support/seeded-random.ts'
import { App } from './app.ts'
import type { Chronicle } from './chronicle.ts'
import { Oracle } from './oracle.ts'
import type { Pod, Volume } from './pod.ts'
import { rememberBefore, rememberState } from './pod.ts'
import type { Scene } from './scene.ts'
import { GRACE_SECONDS, graceEndsMs, nextDueMs, readyPoints } from './schedule.ts'
import type { AgentTask, AgentWorld, Point } from './sim-agent.ts'
import { SimAgent, untilQuiet } from './sim-agent.ts'
import type { Fate } from './sim-store.ts'
import { Bucket, SimStore } from './sim-store.ts'
import { Volumes, layoutOf } from './volumes.ts'

export class World implements AgentWorld {
  readonly scene: Scene
  readonly random: SeededRandom
  readonly bucket: Bucket
  readonly oracle: Oracle
  readonly pods: Pod[] = []
  readonly lines: string[] = []
  template: { pin: string | null; restoreRequest: string | null } = {
    pin: null,
    restoreRequest: null,
  }
  /** What becomes of the next request. */
  fate: (what: string) => Fate = () => 'answered'
  /** Whether an agent that asks about a pod is answered. */
  serviceAnswers = false
  readonly app: App
  readonly #volumes: Volumes
  readonly #wallAtStartMs = Date.now()
  #nowMs = 0
  #boots = 0

  constructor(scene: Scene, dir: string, seed: number) {
    this.scene = scene
    this.random = new SeededRandom(Math.imul(seed, 2_654_435_761) + 12_345)
    for (let i = 0; i < 8; i += 1) this.random.next()
    this.oracle = new Oracle(this)
    this.bucket = new Bucket(
      () => this.#nowMs,
      (create) => {
        this.oracle.onCreated(create)
      },
    )
    this.bucket.conditional = scene.conditional ?? true
    this.#volumes = new Volumes(scene, dir, this.random)
    this.app = new App(this)
  }

  get adjust(): ((context: Context) => Context) | undefined {
    return this.scene.adjust
  }

  get chronicle(): Chronicle {
    return this.oracle.chronicle
  }

  get broken(): boolean {
    return this.chronicle.violations.size > 0
  }

  note(line: string): void {
    this.lines.push(`${(this.#nowMs / 1000).toFixed(2).padStart(9)} ${line}`)
  }

  // ---- the agents' surroundings ----

  nowMs(): number {
    return this.#nowMs
  }

  wallMs(): number {
    return this.#wallAtStartMs + (this.scene.doubtful ? 0 : this.#nowMs + 10_000)
  }

  store(agent: SimAgent): SimStore {
    return new SimStore(
      this.bucket,
      agent.task.writer,
      (what) => agent.turn(what),
      () => this.#nowMs,
      (what) => this.fate(what),
    )
  }

  /** A node that is lost says nothing: its pod counts as gone, and may write all the same. */
  podState(name: string): PodState | undefined {
    if (!this.serviceAnswers) return undefined
    const pod = this.pods.find((one) => one.name === name)
    if (pod?.inCluster !== true) return 'gone'
    return pod.terminatedMs === undefined ? 'alive' : 'terminating'
  }

  onStep(agent: SimAgent, name: StepName): void {
    const pod = this.podOf(agent)
    if (name !== 'let go') return
    const first = !pod.letGo
    this.oracle.onLetGo(pod)
    pod.letGo = true
    if (!this.chronicle.records.some((record) => record.writer === agent.task.writer))
      pod.disturbed = true // S3 was not asked: whoever comes meanwhile cannot know of it
    if (!first || pod.terminatedMs !== undefined) return
    pod.appRuns = true
    this.note(`the app of ${pod.name} is let go`)
  }

  onAcknowledged(agent: SimAgent, version: number): void {
    this.note(`${agent.task.writer} says that v${version} is durable`)
    this.oracle.onAcknowledged(this.podOf(agent), version)
  }

  podOf(agent: SimAgent): Pod {
    const pod = this.pods.find(({ name }) => agent.task.pod.name === name)
    if (pod === undefined) throw new Error(`${agent.task.writer} has no pod`)
    return pod
  }

  // ---- the scheduler ----

  ready(): { pod: Pod; point: Point }[] {
    return readyPoints(this.pods, this.#nowMs)
  }

  /** Lets an agent go on from one point to the next. */
  async go(pod: Pod, point: Point): Promise<void> {
    const { agent } = pod
    agent.points = agent.points.filter((other) => other !== point)
    this.note(`${agent.task.writer} ${point.what}`)
    point.go()
    await this.#settleAgent(pod)
  }

  async #settleAgent(pod: Pod): Promise<void> {
    await untilQuiet()
    this.oracle.afterRun(pod)
    const { agent } = pod
    if (!agent.ended || !pod.alive) return
    this.note(`${agent.task.writer} has ended`)
    if (agent.stopped) this.oracle.onEnded(pod)
    else this.chronicle.violate('an agent ended unasked', agent.task.writer)
    pod.alive = false
    pod.appRuns = false
    pod.inCluster = false
  }

  nextDueMs(): number | undefined {
    return nextDueMs(this.pods, this.#nowMs)
  }

  /** Time passes; the kubelet ends what had its grace. */
  advanceTo(ms: number): void {
    this.#nowMs = Math.max(this.#nowMs, ms)
    for (const pod of this.pods) if (graceEndsMs(pod) <= this.#nowMs) this.killPod(pod)
  }

  // ---- pods ----

  /** The volumes that a pod created now would get; undefined when it has to wait. */
  freeVolumes(): Volume[] | undefined {
    return this.#volumes.free(this.pods)
  }

  async startPod(volumes: readonly Volume[]): Promise<Pod> {
    const id = this.pods.length + 1
    const pod: Pod = {
      id,
      name: `p${id}`,
      volumes,
      ...this.template,
      agent: undefined as unknown as SimAgent,
      alive: true,
      appRuns: false,
      letGo: false,
      terminatedMs: undefined,
      inCluster: true,
      paused: false,
      disturbed: false,
      note: { slot: undefined },
      before: [],
      states: [],
    }
    this.pods.push(pod)
    const { pin, restoreRequest } = this.template
    const names = volumes.map(({ name }) => name).join(' and ')
    this.note(`${pod.name} starts on ${names}, pin ${pin} request ${restoreRequest}`)
    await this.#startAgent(pod, 1)
    return pod
  }

  async #startAgent(pod: Pod, turn: number): Promise<void> {
    rememberState(pod)
    rememberBefore(pod)
    pod.agent = new SimAgent(this, this.#taskOf(pod, turn))
    pod.agent.begin()
    if (pod.terminatedMs !== undefined) {
      pod.agent.drain()
      if (!pod.appRuns) pod.agent.stop()
    }
    await this.#settleAgent(pod)
  }

  #taskOf({ name, volumes, pin, restoreRequest, note }: Pod, turn: number): AgentTask {
    const { exclusive, whenEmpty, reliableHints } = this.scene
    return {
      writer: `${name}.${turn}`,
      pod: { name, uid: `uid-${name}` },
      boot: `boot-${this.#boots}`,
      pin,
      restoreRequest,
      whenEmpty,
      exclusive,
      graceSeconds: GRACE_SECONDS,
      layout: layoutOf(volumes),
      reliableHints,
      note,
    }
  }

  /** Nobody is told, nothing is shipped. */
  killPod(pod: Pod): void {
    this.note(`${pod.name} is killed`)
    pod.agent.kill()
    pod.alive = false
    pod.appRuns = false
    pod.inCluster = false
  }

  /** The sidecar dies and is started again; the app goes on. Once the app of a stopping pod has ended, nothing is started again. */
  async crashAgent(pod: Pod): Promise<void> {
    if (pod.terminatedMs !== undefined && !pod.appRuns) return this.killPod(pod)
    this.note(`the agent of ${pod.name} is killed, and starts again`)
    if (pod.terminatedMs !== undefined) pod.disturbed = true
    pod.agent.kill()
    pod.paused = false
    await this.#startAgent(pod, Number(pod.agent.task.writer.split('.')[1]) + 1)
  }

  /** The pod is deleted: its app is told to stop, and has yet to end. */
  terminate(pod: Pod): void {
    this.note(`${pod.name} is told to stop`)
    pod.terminatedMs = this.#nowMs
    pod.agent.drain()
    if (!pod.appRuns) pod.agent.stop()
  }

  endApp(pod: Pod): void {
    this.note(`the app of ${pod.name} has ended`)
    pod.appRuns = false
    pod.agent.stop()
  }

  pause(pod: Pod): void {
    this.note(`${pod.name} is paused`)
    pod.paused = true
    pod.disturbed = true
  }

  wake(pod: Pod): void {
    this.note(`${pod.name} wakes`)
    pod.paused = false
  }

  loseNode(pod: Pod): void {
    this.note(`the node of ${pod.name} is lost; the pod lives on`)
    pod.inCluster = false
    pod.disturbed = true
  }

  setTemplate(pin: string | null, restoreRequest: string | null): void {
    this.note(`the template says: pin ${pin}, request ${restoreRequest}`)
    this.template = { pin, restoreRequest }
  }
}

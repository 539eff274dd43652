/**
 * The world that agents live in: one bucket, volumes, pods, a clock, and a scheduler to whom every operation of every
 * agent is a point at which it may go on, wait, or end. One agent runs at a time, until it waits again: the same seed
 * gives the same history.
 */
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import type { Context, StepName } from '../../agent/session/context.ts'
import type { Layout } from '../../agent/volume/layout.ts'
import { MARK_NAME } from '../../agent/volume/layout.ts'
import { SeededRandom } from '../support/seeded-random.ts'
import { Oracle, rememberBefore, rememberState } from './oracle.ts'
import type { Pod, Volume } from './pod.ts'
import type { AgentTask, AgentWorld, Point } from './sim-agent.ts'
import { SimAgent, untilQuiet } from './sim-agent.ts'
import type { Fate } from './sim-store.ts'
import { Bucket, SimStore } from './sim-store.ts'
import { bytesOfValue, nameOfBytes } from './values.ts'

/** Where pods keep their state. */
export type StorageKind = 'one PVC' | 'emptyDir' | 'two PVCs in turn' | 'PVC and emptyDir'

export interface Scene {
  readonly kind: StorageKind
  /** The workload never runs two pods at once. */
  readonly exclusive: boolean
  readonly whenEmpty: Context['whenEmpty']
  readonly reliableHints: boolean
  /** The wall clock stands still, so that no file's time ever proves that it is unchanged. */
  readonly doubtful: boolean
  /** False: the store overwrites what is there, as some do in versioned buckets. */
  readonly conditional?: boolean
  /** A test may put a weaker part in the place of a real one. */
  readonly adjust?: (context: Context) => Context
}

export const GRACE_SECONDS = 4
const FILES = ['a', 'b', 'd/c'] as const

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
  readonly claims: Volume[]
  readonly #dir: string
  readonly #wallAtStartMs = Date.now()
  #nowMs = 0
  #values = 0
  #volumes = 0
  #boots = 0

  constructor(scene: Scene, dir: string, seed: number) {
    this.scene = scene
    this.#dir = dir
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
    this.claims = [this.makeVolume('PVC', 0)]
    if (scene.kind === 'two PVCs in turn') this.claims.push(this.makeVolume('PVC', 0))
  }

  get adjust(): ((context: Context) => Context) | undefined {
    return this.scene.adjust
  }

  get broken(): boolean {
    return this.oracle.violations.size > 0
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

  onStep(agent: SimAgent, name: StepName): void {
    const pod = this.podOf(agent)
    if (name !== 'let go') return
    const first = !pod.letGo
    this.oracle.onLetGo(pod)
    pod.letGo = true
    if (!this.oracle.records.some((record) => record.writer === agent.task.writer))
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

  /** What could go on now, of agents that are neither dead nor paused. */
  ready(): { pod: Pod; point: Point }[] {
    return this.pods
      .filter(({ alive, paused }) => alive && !paused)
      .flatMap((pod) => pod.agent.points.map((point) => ({ pod, point })))
      .filter(({ point }) => point.dueMs === undefined || point.woken || point.dueMs <= this.#nowMs)
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
    else this.oracle.violate('an agent ended unasked', agent.task.writer)
    pod.alive = false
    pod.appRuns = false
    pod.inCluster = false
  }

  /** Virtual time of the next thing that only time brings; undefined when there is none. */
  nextDueMs(): number | undefined {
    const ends = this.pods
      .filter(
        ({ alive, inCluster, terminatedMs }) => alive && inCluster && terminatedMs !== undefined,
      )
      .map(({ terminatedMs }) => (terminatedMs ?? 0) + GRACE_SECONDS * 1000)
    const sleeps = this.pods
      .filter(({ alive, paused }) => alive && !paused)
      .flatMap(({ agent }) => agent.points.flatMap(({ dueMs }) => dueMs ?? []))
    const later = [...ends, ...sleeps].filter((ms) => ms > this.#nowMs && ms < Infinity)
    return later.length === 0 ? undefined : Math.min(...later)
  }

  /** Time passes; the kubelet ends what had its grace. */
  advanceTo(ms: number): void {
    this.#nowMs = Math.max(this.#nowMs, ms)
    for (const pod of this.pods)
      if (
        pod.alive &&
        pod.inCluster &&
        pod.terminatedMs !== undefined &&
        this.#nowMs >= pod.terminatedMs + GRACE_SECONDS * 1000
      )
        this.killPod(pod)
  }

  // ---- pods ----

  makeVolume(kind: 'PVC' | 'emptyDir', root: number): Volume {
    this.#volumes += 1
    const name = `${kind}${this.#volumes}`
    const dir = path.join(this.#dir, name)
    mkdirSync(dir, { recursive: true })
    return { name, root, dir, content: new Map(), tip: 0, half: false }
  }

  /** The volumes that a pod created now would get; undefined when it has to wait. */
  freeVolumes(): Volume[] | undefined {
    const running = this.pods.filter(({ alive, inCluster }) => alive && inCluster)
    if (running.some(({ terminatedMs }) => terminatedMs === undefined)) return undefined
    if (this.scene.exclusive && running.length > 0) return undefined
    if (this.scene.kind === 'emptyDir') return [this.makeVolume('emptyDir', 0)]
    const used = new Set(this.pods.filter(({ alive }) => alive).flatMap(({ volumes }) => volumes))
    const free = this.claims.filter((volume) => !used.has(volume))
    if (free.length === 0) return undefined
    const claim = free[this.random.below(free.length)] as Volume
    if (this.scene.kind !== 'PVC and emptyDir') return [claim]
    return [claim, this.makeVolume('emptyDir', 1)]
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
      marked: false,
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
    pod.marked = pod.volumes.some(({ dir }) => existsSync(path.join(dir, MARK_NAME)))
    pod.agent = new SimAgent(this, this.#taskOf(pod, turn))
    pod.agent.begin()
    if (pod.terminatedMs !== undefined) {
      pod.agent.drain()
      if (!pod.appRuns) pod.agent.stop()
    }
    await this.#settleAgent(pod)
  }

  #taskOf({ name, volumes, pin, restoreRequest }: Pod, turn: number): AgentTask {
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

  // ---- the app ----

  /** The app writes a new value into one of its files. */
  write(pod: Pod, big = false, file?: string): void {
    const volume = pod.volumes[this.random.below(pod.volumes.length)] as Volume
    const name = file ?? this.random.pick(FILES)
    this.#values += 1
    const bytes = bytesOfValue(this.#values, big)
    const at = path.join(volume.dir, name)
    const made = mkdirSync(path.dirname(at), { recursive: true })
    // Where times prove that files are unchanged, each write has to leave another inode: clocks tick slower than this runs.
    if (this.scene.doubtful) writeFileSync(at, bytes)
    else {
      writeFileSync(`${at}~`, bytes)
      renameSync(`${at}~`, at)
    }
    const value = nameOfBytes(bytes)
    volume.content = new Map([...volume.content, [`${volume.root}/${name}`, value]])
    this.#changed(pod, `${pod.name} writes ${volume.root}/${name}=${value}`, [
      ...(made === undefined ? [] : [made]),
      at,
      `${at}~`,
    ])
  }

  /** The app deletes one of its files, if it has another. */
  remove(pod: Pod): void {
    const files = pod.volumes.flatMap((volume) =>
      [...volume.content.keys()].map((name) => ({ volume, name })),
    )
    const file = files[this.random.below(files.length)]
    if (files.length < 2 || file === undefined) return
    const { volume, name } = file
    const at = path.join(volume.dir, name.slice(2))
    rmSync(at)
    volume.content = new Map([...volume.content].filter(([other]) => other !== name))
    this.#changed(pod, `${pod.name} deletes ${name}`, [at])
  }

  /** @param locations of what has changed. */
  #changed(pod: Pod, line: string, locations: readonly string[]): void {
    this.note(line)
    rememberState(pod)
    pod.agent.hint(locations)
  }
}

function layoutOf(volumes: readonly Volume[]): Layout {
  return {
    roots: volumes.map(({ root, dir }) => ({
      path: `/data${root}`,
      as: 'files',
      at: dir,
      excludes: () => false,
    })),
    volumes: volumes.map(({ dir }) => ({ at: dir, sizeLimitBytes: null, memory: false })),
  }
}

/** A protected pod without a cluster: its folder, its volume, its annotations, and the real agents that run in it. */
import { randomUUID } from 'node:crypto'
import fs from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { onTestFinished } from 'vitest'
import { controlSocket, letGoNotePrefix } from '../../agent/serve/control.ts'
import type { Assignment } from '../../shared/sidecar-contract.ts'
import { ENV, TOKEN_FILE, formatAssignment } from '../../shared/sidecar-contract.ts'
import { AgentProcess } from './agent-process.ts'

/** The compiled agent is shared by all test processes: agents start in half the time. */
const COMPILE_CACHE = path.join(os.tmpdir(), 'holdfast-test-compile-cache')
const INJECTED = 'process-test'

export interface PodOptions extends Partial<Assignment> {
  readonly store: string
  /** A volume that outlives pods; without one the pod gets an empty one of its own. */
  readonly volume?: string
  readonly name?: string
  /** More environment, e.g. how to reach S3. */
  readonly env?: Record<string, string>
  /** The agents are bound by the modes of files, also where the test runs as root. */
  readonly bound?: boolean
  /** Words of a program that runs the agents, e.g. with limits of their own. */
  readonly under?: readonly string[]
}

/** A folder that is gone when the test is over. */
export function temporaryFolder(): string {
  const folder = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'holdfast-process-')))
  onTestFinished(() => fs.rmSync(folder, { recursive: true, force: true }))
  return folder
}

export class AgentPod {
  readonly uid = randomUUID()
  readonly root: string
  /** The app's state: `/data` in the pod. */
  readonly data: string
  readonly assignment: Assignment
  readonly agents: AgentProcess[] = []
  readonly #env: Record<string, string>
  readonly #bound: boolean
  readonly #under: readonly string[]

  constructor(root: string, healthPort: number, options: PodOptions) {
    const { volume, name = 'shop-0', env = {}, bound = false, under = [], ...assigned } = options
    this.root = root
    this.data = path.join(root, 'data')
    if (volume === undefined) fs.mkdirSync(this.data)
    else fs.symlinkSync(volume, this.data)
    fs.mkdirSync(path.join(root, 'etc/holdfast/pod'), { recursive: true })
    this.assignment = { ...DEFAULTS, ...assigned }
    this.annotate({ 'holdfast.dev/injected': INJECTED })
    fs.writeFileSync(path.join(root, 'etc/holdfast/pod', TOKEN_FILE), `token-of-${this.uid}\n`)
    this.#bound = bound
    this.#under = under
    this.#env = {
      ...env,
      [ENV.podName]: name,
      [ENV.podUid]: this.uid,
      [ENV.root]: root,
      // As the kubelet hands it on: each `$$` has become `$`.
      [ENV.assignment]: formatAssignment(this.assignment).replaceAll('$$', '$'),
      HOLDFAST_HEALTH_PORT: String(healthPort),
      NODE_COMPILE_CACHE: COMPILE_CACHE,
    }
  }

  get env(): Record<string, string> {
    return this.#env
  }

  /** Writes the annotations as the kubelet does: a new file behind a link that is swapped. */
  annotate(annotations: Record<string, string>): void {
    const folder = path.join(this.root, 'etc/holdfast/pod')
    const lines = Object.entries(annotations).map(
      ([key, value]) => `${key}=${JSON.stringify(value)}\n`,
    )
    const fresh = path.join(folder, `..${randomUUID()}`)
    fs.writeFileSync(fresh, lines.join(''))
    fs.renameSync(fresh, path.join(folder, 'annotations'))
  }

  /** Starts an agent in this pod; `crashAfter` names the step after which it kills itself. */
  start(more: { crashAfter?: string; env?: Record<string, string> } = {}): AgentProcess {
    const { crashAfter, env = {} } = more
    const crash = crashAfter === undefined ? {} : { HOLDFAST_CRASH_AFTER: crashAfter }
    const agent = new AgentProcess({ ...this.#env, ...env, ...crash }, this.#bound, this.#under)
    this.agents.push(agent)
    return agent
  }

  write(file: string, content: string | Buffer): void {
    const at = path.join(this.data, file)
    fs.mkdirSync(path.dirname(at), { recursive: true })
    fs.writeFileSync(at, content)
  }

  read(file: string): string {
    return fs.readFileSync(path.join(this.data, file), 'utf8')
  }

  /** Kills what still runs. */
  async end(): Promise<void> {
    await Promise.all(this.agents.filter(({ hasEnded }) => !hasEnded).map((agent) => agent.kill()))
    fs.rmSync(controlSocket(this.uid), { force: true })
    const note = letGoNotePrefix(this.uid)
    for (let slot = 0; slot < 10; slot += 1) fs.rmSync(`${note}${slot}`, { force: true })
  }
}

const DEFAULTS: Assignment = {
  namespace: 'market',
  app: 'shop',
  slot: '0',
  store: '',
  pin: null,
  restoreRequest: null,
  paths: [{ path: '/data', at: '/data', as: 'files', exclude: ['cache/'] }],
  volumes: [{ at: '/data', sizeLimitBytes: null, memory: false }],
  withinMs: 400,
  before: null,
  after: null,
  whenEmpty: 'resume',
  images: [{ container: 'shop', image: 'shop:1.4' }],
  templateHash: 'template',
  graceSeconds: 0,
  exclusive: true,
  injected: INJECTED,
  service: null,
}

/** A pod with a folder and a health port of its own; its agents are killed when the test is over. */
export async function createPod(options: PodOptions): Promise<AgentPod> {
  const root = temporaryFolder()
  const pod = new AgentPod(root, await freePort(), options)
  onTestFinished(() => pod.end())
  return pod
}

/** A port that nobody uses at this moment. */
export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

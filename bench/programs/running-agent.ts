/** The sidecar's program beside an app that has a volume, in a pod's surroundings. */
import type { ChildProcess } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { rmSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { controlSocket, letGoNotePrefix } from '../../agent/serve/control.ts'
import { MARK_NAME } from '../../agent/volume/layout.ts'
import { NODE_ENVIRONMENT } from '../../manifests/image/node-environment.ts'
import type { Assignment } from '../../shared/sidecar-contract.ts'
import { ENV, formatAssignment, KEY, POD_INFO_DIR } from '../../shared/sidecar-contract.ts'
import { HoldfastError } from '../../shared/errors.ts'
import type { Bench } from '../bench.ts'
import type { Place } from '../stores/place.ts'

const INJECTED = 'bench'
/** Waiting longer than this is a failure. */
const PATIENCE_MS = 300_000
/** An agent looks once more at what it read within 2 s of a change: after this nothing is left to do. */
export const SETTLED_MS = 4000

interface Line {
  readonly atMs: number
  readonly phase?: string
  readonly version?: number
}

export class RunningAgent {
  readonly #child: ChildProcess
  readonly #startedMs = performance.now()
  readonly #exited: Promise<unknown>
  #lines: Line[] = []
  #words = ''
  #ended = false

  constructor(child: ChildProcess) {
    this.#child = child
    this.#exited = new Promise((resolve) => {
      child.once('close', () => {
        this.#ended = true
        resolve(undefined)
      })
    })
    child.stderr?.on('data', (part: Buffer) => (this.#words += part.toString()))
    if (child.stdout === null) return
    createInterface({ input: child.stdout }).on('line', (line) => {
      this.#words += `${line}\n`
      this.#lines.push({ ...(JSON.parse(line) as object), atMs: performance.now() })
    })
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  /** Milliseconds from its start to the moment at which the app may start. */
  async ready(): Promise<number> {
    const line = await this.#line('the app is let go', ({ phase }) => phase === 'running')
    return line.atMs - this.#startedMs
  }

  /** When the first version after `sinceMs` (`performance.now()`) was acknowledged as durable. */
  async versionAfter(sinceMs: number): Promise<number> {
    const isLater = ({ version, atMs }: Line) => version !== undefined && atMs >= sinceMs
    return (await this.#line('a version is durable', isLater)).atMs
  }

  /** Resolves once it has said nothing for a while: all is shipped. */
  async settled(): Promise<void> {
    for (;;) {
      const waitMs = (this.#lines.at(-1)?.atMs ?? 0) + SETTLED_MS - performance.now()
      if (waitMs <= 0) return
      await sleep(waitMs)
    }
  }

  /** Ends it as the kubelet does. */
  async stop(): Promise<void> {
    this.#child.kill('SIGTERM')
    await this.#exited
  }

  async #line(what: string, matches: (line: Line) => boolean): Promise<Line> {
    for (const end = performance.now() + PATIENCE_MS; ; await sleep(2)) {
      const line = this.#lines.find(matches)
      if (line !== undefined) return line
      if (this.#ended || performance.now() > end)
        throw new HoldfastError(`in vain waited until ${what}; the agent said: ${this.#words}`)
    }
  }
}

export interface AgentOptions {
  readonly place: Place
  readonly volume: string
  /** `backup.within`; how long a burst is let settle follows from it. */
  readonly withinMs?: number
}

/** Starts it and does not wait. */
export async function startAgent(bench: Bench, options: AgentOptions): Promise<RunningAgent> {
  const { place, volume, withinMs = 5000 } = options
  rmSync(path.join(volume, MARK_NAME), { force: true })
  const podInfo = path.join(bench.work, POD_INFO_DIR)
  await mkdir(podInfo, { recursive: true })
  await writeFile(path.join(podInfo, 'annotations'), `${KEY.injected}="${INJECTED}"\n`)
  const uid = randomUUID()
  const child = bench.processes.start([process.execPath, bench.holdfast.agent, 'replicate'], {
    ...NODE_ENVIRONMENT,
    ...place.environment,
    [ENV.podName]: 'app-0',
    [ENV.podUid]: uid,
    // The pod's `/` is the work directory: no volume needs to be mounted anywhere.
    [ENV.root]: bench.work,
    // As the kubelet hands it on: each `$$` has become `$`.
    [ENV.assignment]: formatAssignment({
      ...assignmentOf(`/${path.relative(bench.work, volume)}`),
      store: place.holdfastUrl,
      withinMs,
    }).replaceAll('$$', '$'),
    HOLDFAST_HEALTH_PORT: String(await freePort()),
  })
  // However it ends: the next one takes the volume for one without history.
  child.once('exit', () => {
    rmSync(path.join(volume, MARK_NAME), { force: true })
    rmSync(controlSocket(uid), { force: true })
    rmSync(`${letGoNotePrefix(uid)}0`, { force: true })
  })
  return new RunningAgent(child)
}

function assignmentOf(at: string): Omit<Assignment, 'store' | 'withinMs'> {
  return {
    namespace: 'bench',
    app: 'app',
    slot: '0',
    pin: null,
    restoreRequest: null,
    paths: [{ path: '/data', at, as: 'auto', exclude: [] }],
    volumes: [{ at, sizeLimitBytes: null, memory: false }],
    before: null,
    after: null,
    whenEmpty: 'resume',
    images: [],
    templateHash: 'bench',
    graceSeconds: 30,
    exclusive: true,
    injected: INJECTED,
    service: null,
  }
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

/** A real agent, `node agent/main.ts replicate`, whose log lines, health and end a test can wait for. */
import { spawn, type ChildProcess } from 'node:child_process'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { askControl, controlSocket } from '../../agent/serve/control.ts'

export const AGENT = path.join(import.meta.dirname, '../../agent/main.ts')
/** Waiting longer than this for a condition is a failure: it says what was waited for, and the agent's own words. */
const PATIENCE_MS = 30_000

export interface LogLine {
  readonly level: number
  readonly msg: string
  readonly phase?: string
  readonly version?: number
  readonly tag?: string
}

export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

export interface Health {
  readonly ready: boolean
  readonly line: string
  readonly phase: string
  readonly reason: string
  readonly problem: string
  readonly lastVersion: number
  readonly lastComplete: boolean
  readonly lagSeconds: number
  readonly slot: string | null
}

export class AgentProcess {
  readonly podUid: string
  readonly exited: Promise<Ended>
  readonly #child: ChildProcess
  readonly #env: Record<string, string>
  #out = ''
  #errors = ''
  #ended: Ended | undefined

  /**
   * @param bound runs it without root's right to read what the modes forbid, where the test has that.
   * @param under words of a program that runs it in surroundings of its own.
   */
  constructor(env: Record<string, string>, bound = false, under: readonly string[] = []) {
    this.#env = env
    this.podUid = env['HOLDFAST_POD_UID'] ?? ''
    const words = [...under, ...(bound ? boundByModes() : []), process.execPath, AGENT, 'replicate']
    this.#child = spawn(words[0] ?? '', words.slice(1), {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.#child.stdout?.setEncoding('utf8').on('data', (part: string) => (this.#out += part))
    this.#child.stderr?.setEncoding('utf8').on('data', (part: string) => (this.#errors += part))
    this.exited = new Promise((resolve, reject) => {
      this.#child.once('error', reject)
      this.#child.once('close', (code, signal) => {
        this.#ended = { code, signal }
        resolve(this.#ended)
      })
    })
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  get hasEnded(): boolean {
    return this.#ended !== undefined
  }

  /** Whole lines of its log so far. */
  get log(): LogLine[] {
    const lines = this.#out.split('\n').slice(0, -1)
    return lines.map((line) => JSON.parse(line) as LogLine)
  }

  get errors(): string {
    return this.#errors
  }

  /** Everything that it said. */
  get words(): string {
    return this.#out + this.#errors
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name)
  }

  /** SIGKILL, and its end. */
  async kill(): Promise<void> {
    this.signal('SIGKILL')
    await this.exited
  }

  /** SIGTERM, and its end: what it exits with. */
  async stop(): Promise<Ended> {
    this.signal('SIGTERM')
    return this.exited
  }

  /** Resolves once the condition holds; fails when the agent ends before, unless `mayEnd`. */
  async until(
    what: string,
    holds: () => boolean | Promise<boolean>,
    mayEnd = false,
  ): Promise<void> {
    for (const end = performance.now() + PATIENCE_MS; !(await holds()); await sleep(10)) {
      if (this.hasEnded && !mayEnd && !(await holds()))
        throw new Error(
          `the agent ended (${JSON.stringify(this.#ended)}) before ${what}:\n${this.words}`,
        )
      if (performance.now() > end) throw new Error(`in vain for ${what}:\n${this.words}`)
    }
  }

  /** The first line of its log that this is true of, also a past one. */
  async logged(what: string, matches: (line: LogLine) => boolean): Promise<LogLine> {
    await this.until(what, () => this.log.some(matches))
    return this.log.find(matches) as LogLine
  }

  /** The app may start. */
  async ready(): Promise<void> {
    await this.logged('the app is let go', ({ phase }) => phase === 'running')
  }

  /** Why it holds the app. */
  async holding(): Promise<string> {
    return (await this.logged('it holds', ({ phase }) => phase === 'holding')).msg
  }

  get wasReady(): boolean {
    return this.log.some(({ phase }) => phase === 'running')
  }

  /** `agent wait`, as the kubelet runs it, in a process of its own. */
  async wait(): Promise<{ code: number | null; text: string; ms: number }> {
    return runVerb('wait', this.#env)
  }

  /** What `wait` would say, without the process. */
  async ask(): Promise<{ status: number; text: string }> {
    return askControl(controlSocket(this.podUid), 'GET', '/wait')
  }

  async drain(): Promise<void> {
    await askControl(controlSocket(this.podUid), 'POST', '/drain')
  }

  async health(): Promise<Health> {
    const response = await fetch(`http://127.0.0.1:${this.#env['HOLDFAST_HEALTH_PORT']}/healthz`)
    return (await response.json()) as Health
  }

  async metrics(): Promise<string> {
    const response = await fetch(`http://127.0.0.1:${this.#env['HOLDFAST_HEALTH_PORT']}/metrics`)
    return response.text()
  }
}

/** Root without these two is bound by the modes of files like anybody, and can still read a checkout of its own. */
function boundByModes(): string[] {
  if (process.getuid?.() !== 0) return []
  const without = '-dac_override,-dac_read_search'
  return ['setpriv', '--bounding-set', without, '--inh-caps', without]
}

/** Runs one of the agent's short verbs to its end. */
export async function runVerb(
  verb: string,
  env: Record<string, string>,
): Promise<{ code: number | null; text: string; ms: number }> {
  const startedMs = performance.now()
  const child = spawn(process.execPath, [AGENT, verb], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let text = ''
  child.stdout.setEncoding('utf8').on('data', (part: string) => (text += part))
  child.stderr.setEncoding('utf8').on('data', (part: string) => (text += part))
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve))
  return { code, text: text.trim(), ms: performance.now() - startedMs }
}

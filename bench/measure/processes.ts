/** Everything that the bench starts. Each has a process group of its own, so that it can be ended with all of its children. */
import { spawn, type ChildProcess } from 'node:child_process'
import { HoldfastError } from '../../shared/errors.ts'
import { descendantsOf, memoryOf } from './proc.ts'

/** Memory that a process takes in its last moments, between two looks, is not seen. */
const LOOK_MS = 20

export type Environment = Readonly<Record<string, string | undefined>>

export interface Run {
  readonly wallMs: number
  /** User and system time of the process and of all its descendants. */
  readonly cpuMs: number
  /** The most that the sum of VmHWM of the process and its descendants came to. */
  readonly peakRssBytes: number
  /** What it wrote to stdout. */
  readonly out: string
}

/** A program that the bench needs has failed; what it said is in the message. */
export class ProgramFailed extends HoldfastError {}

export class Processes {
  /** Rejects when the run is cancelled; never resolves. */
  readonly cancelled: Promise<never>
  readonly #groups = new Set<number>()
  readonly #signal: AbortSignal
  readonly #environment: Environment

  /** @param environment of every program, before what is its own. */
  constructor(environment: Environment, signal: AbortSignal) {
    this.#environment = environment
    this.#signal = signal
    this.cancelled = new Promise((_, reject) => {
      signal.addEventListener('abort', () => {
        reject(signal.reason as Error)
      })
    })
    // Between two cases nobody waits for it.
    this.cancelled.catch(() => undefined)
  }

  /** Starts a program that goes on until it is told to end. */
  start(words: readonly string[], own: Environment = {}): ChildProcess {
    this.refuseWhenCancelled()
    const child = spawn(words[0] ?? '', words.slice(1), {
      env: { ...this.#environment, ...own },
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
      detached: true,
    })
    const { pid } = child
    if (pid !== undefined) {
      this.#groups.add(pid)
      child.once('exit', () => this.#groups.delete(pid))
    }
    return child
  }

  /** Runs a program to its end, and measures it. Throws `ProgramFailed` when it exits with anything but 0. */
  async run(words: readonly string[], own: Environment = {}): Promise<Run> {
    // The shell waits for the program, and says what it and all that it waited for has used.
    const timed = ['bash', '-c', 'TIMEFORMAT="%R %U %S"; { time "$@" 2>&4; } 4>&2 2>&3', 'bash']
    const child = this.start([...timed, ...words], own)
    const [out, errors, times] = [1, 2, 3].map((fd) => collect(child, fd))
    let peakRssBytes = 0
    const look = setInterval(() => {
      const memory = descendantsOf(child.pid ?? 0).map((pid) => memoryOf(pid).peakRssBytes)
      peakRssBytes = Math.max(
        peakRssBytes,
        memory.reduce((sum, bytes) => sum + bytes, 0),
      )
    }, LOOK_MS)
    try {
      const code = await endOf(child)
      this.refuseWhenCancelled()
      if (code !== 0)
        throw new ProgramFailed(
          `${words.join(' ')} ended with ${String(code)}: ${`${errors?.text}${out?.text}`.trim().slice(-2000)}`,
        )
    } finally {
      clearInterval(look)
    }
    const [real, user, system] = (times?.text ?? '')
      .trim()
      .replaceAll(',', '.')
      .split(' ')
      .map(Number)
    const cpuMs = ((user ?? 0) + (system ?? 0)) * 1000
    return { wallMs: (real ?? 0) * 1000, cpuMs, peakRssBytes, out: out?.text ?? '' }
  }

  /** Throws when the run is cancelled. */
  refuseWhenCancelled(): void {
    this.#signal.throwIfAborted()
  }

  /** Ends what still runs, hard. */
  endAll(): void {
    for (const pid of this.#groups) endGroup(pid)
  }
}

function endGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

/** What a program writes there. */
function collect(child: ChildProcess, fd: number): { text: string } {
  const collected = { text: '' }
  const stream = child.stdio[fd]
  if (stream instanceof Object && 'on' in stream)
    stream.on('data', (part: Buffer) => (collected.text += part.toString()))
  return collected
}

function endOf(child: ChildProcess): Promise<number | NodeJS.Signals | null> {
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, signal) => {
      resolve(code ?? signal)
    })
  })
}

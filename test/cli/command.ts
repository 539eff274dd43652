/** Runs the real command, as a process or in this one. */
import { spawn, type ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { run } from '../../cli/run.ts'
import { Signals } from '../../cli/signals.ts'
import { Terminal } from '../../cli/terminal.ts'

export const LAUNCHER = fileURLToPath(new URL('../../cli/holdfast.mjs', import.meta.url))
/** Long enough for the slowest machine; what takes longer hangs. */
const HANG_MS = 100_000

export interface Result {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface Running {
  readonly child: ChildProcess
  readonly result: Promise<Result>
  /** Resolves once stdout and stderr together match. Rejects when the command ends before. */
  readonly says: (pattern: RegExp) => Promise<void>
}

export function start(...args: string[]): Running {
  const child = spawn(process.execPath, [LAUNCHER, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  const output = { stdout: '', stderr: '' }
  const listeners = new Set<() => void>()
  for (const name of ['stdout', 'stderr'] as const)
    child[name].setEncoding('utf8').on('data', (text: string) => {
      output[name] += text
      for (const listener of listeners) listener()
    })
  const timer = setTimeout(() => child.kill('SIGKILL'), HANG_MS)
  const result = new Promise<Result>((resolve) => {
    child.once('close', (code) => {
      clearTimeout(timer)
      resolve({ code, ...output })
    })
  })
  const says = (pattern: RegExp) =>
    new Promise<void>((resolve, reject) => {
      const look = () => {
        if (!pattern.test(output.stdout + output.stderr)) return
        listeners.delete(look)
        resolve()
      }
      listeners.add(look)
      look()
      child.once('close', (code) => {
        reject(
          new Error(
            `ended with ${code} before it said ${pattern}:\n${output.stdout}${output.stderr}`,
          ),
        )
      })
    })
  return { child, result, says }
}

export function holdfast(...args: string[]): Promise<Result> {
  return start(...args).result
}

/** In this process: many runs in little time. */
export async function holdfastHere(...args: string[]): Promise<Result> {
  const output = { stdout: '', stderr: '' }
  const stream = (name: keyof typeof output) => ({
    write: (text: string | Uint8Array, done?: unknown) => {
      output[name] += String(text)
      if (typeof done === 'function') done()
      return true
    },
    on: () => undefined,
  })
  const terminal = new Terminal(stream('stdout') as never, stream('stderr') as never)
  const signals = new Signals({ on: () => process, exit: process.exit.bind(process) })
  const code = await run(args, {
    terminal,
    signals,
    home: '/root',
    environment: { ...process.env },
    debug: true,
  })
  return { code, ...output }
}

/** The JSON document that a command printed. */
export function json(result: Result): unknown {
  return JSON.parse(result.stdout) as unknown
}

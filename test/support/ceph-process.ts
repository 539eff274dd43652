import { spawn, type ChildProcess } from 'node:child_process'
import { openSync, closeSync } from 'node:fs'
import { createConnection } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

/** How long one step of the start may take. */
const STEP_MS = 60_000

/** Some of Ceph's programs lie in `sbin`, which is not on every user's path. */
function cephEnvironment(): NodeJS.ProcessEnv {
  const environment = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` }
  for (const name of ['CEPH_ARGS', 'CEPH_CONF', 'CEPH_KEYRING'])
    delete (environment as Record<string, string | undefined>)[name]
  return environment
}

/** Runs a program to its end. Its output goes to `<dir>/<name>.out`; another exit code than 0 throws. */
export async function run(dir: string, name: string, args: string[]): Promise<void> {
  const child = start(dir, name, args)
  const timer = setTimeout(() => child.kill('SIGKILL'), STEP_MS)
  const code = await new Promise((resolve) => {
    child.once('exit', (exit, signal) => resolve(exit ?? signal)).once('error', resolve)
  })
  clearTimeout(timer)
  if (code !== 0) throw new Error(`${name} ended with ${String(code)}`)
}

/** Starts a daemon that the kernel ends when this process ends, however that happens. */
export function startDaemon(dir: string, name: string, args: string[]): ChildProcess {
  return start(dir, 'setpriv', ['--pdeathsig', 'KILL', '--', name, ...args], name)
}

function start(dir: string, program: string, args: string[], name = program): ChildProcess {
  const output = openSync(join(dir, `${name}.out`), 'a')
  const child = spawn(program, args, { stdio: ['ignore', output, output], env: cephEnvironment() })
  child.on('error', () => undefined)
  closeSync(output)
  return child
}

/** Ends exactly this child: asks, waits a moment, then insists. All its state is throw-away. */
export async function end(child: ChildProcess, graceMs: number): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
  const ended = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGTERM')
  await Promise.race([ended, sleep(graceMs, undefined, { ref: false })])
  child.kill('SIGKILL')
  await ended
}

/** Waits until `probe` is true. Throws when `daemon` ends before that, or after a minute. */
export async function waitFor(
  what: string,
  daemon: ChildProcess,
  probe: () => Promise<boolean>,
): Promise<void> {
  for (const deadline = Date.now() + STEP_MS; Date.now() < deadline; await sleep(20)) {
    if (await probe()) return
    if (daemon.exitCode !== null || daemon.signalCode !== null)
      throw new Error(`its process ended before ${what}`)
  }
  throw new Error(`${what} took longer than ${STEP_MS / 1000} s`)
}

export async function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(port, '127.0.0.1')
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
    socket.once('connect', () => socket.destroy())
  })
}

/**
 * Asks a daemon at its admin socket: a JSON command ended by a zero byte, answered by four bytes of length and JSON.
 * Undefined while the daemon does not answer.
 */
export async function askDaemon(socketPath: string, command: string): Promise<unknown> {
  return new Promise((resolve) => {
    const parts: Buffer[] = []
    const socket = createConnection(socketPath)
    socket.once('connect', () => socket.write(`${JSON.stringify({ prefix: command })}\0`))
    socket.on('data', (part: Buffer) => parts.push(part)).on('error', () => resolve(undefined))
    socket.on('close', () => {
      resolve(parseAnswer(Buffer.concat(parts).subarray(4).toString()))
    })
  })
}

/** Undefined for what is no JSON: a daemon that has just begun answers in words. */
function parseAnswer(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

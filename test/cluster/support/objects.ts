/** Objects of the cluster: made, read, waited for. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Manifest } from '../../manifests/chart.ts'
import { runTool, toolPath, tryTool } from '../../support/cluster-tools.ts'

/** Longer than anything takes that a test waits for; a condition that is not there by then never comes. */
const PATIENCE_MS = 180_000

/** Returns what kubectl said beside: warnings. Throws its complaint. */
export function apply(...objects: readonly object[]): string {
  const list = { apiVersion: 'v1', kind: 'List', items: objects }
  const { status, stderr } = tryTool('kubectl', ['apply', '-f', '-'], JSON.stringify(list))
  if (status !== 0) throw new Error(stderr)
  return stderr
}

export function read(...words: readonly string[]): Manifest {
  return JSON.parse(runTool('kubectl', 'get', ...words, '-o', 'json'))
}

/** Undefined where it is not there. */
export function find(...words: readonly string[]): Manifest {
  const answer = runTool('kubectl', 'get', ...words, '-o', 'json', '--ignore-not-found')
  return answer === '' ? undefined : JSON.parse(answer)
}

/** As `refusal`, while this process goes on: for a server of the test's own that has to answer meanwhile. */
export async function applyAsync(...objects: readonly object[]): Promise<string | undefined> {
  const list = { apiVersion: 'v1', kind: 'List', items: objects }
  const { code, stderr } = await ended(['apply', '-f', '-'], JSON.stringify(list))
  return code === 0 ? undefined : stderr
}

/** What it prints, while this process goes on with other things. Throws what it complains of. */
export async function kubectlAsync(...words: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await ended(words)
  if (code !== 0) throw new Error(`kubectl ${words.join(' ')}: ${stderr.trim()}`)
  return stdout
}

async function ended(words: readonly string[], input = '') {
  const child = spawn(toolPath('kubectl'), words, { stdio: 'pipe' })
  child.stdin.end(input)
  const [stdout, stderr, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close') as Promise<[number | null]>,
  ])
  return { code, stdout, stderr }
}

/** Resolves with the first answer that is neither undefined nor false; an error counts as none so far. */
export async function until<T>(
  what: string,
  probe: () => T | undefined | false | Promise<T | undefined | false>,
  patienceMs = PATIENCE_MS,
): Promise<T> {
  let problem = ''
  for (const end = Date.now() + patienceMs; Date.now() < end; await sleep(200)) {
    try {
      const answer = await probe()
      if (answer !== undefined && answer !== false) return answer
    } catch (error) {
      problem = `: ${(error as Error).message}`
    }
  }
  throw new Error(`${what}: not within ${patienceMs / 1000} s${problem}`)
}

/** What an app said that it has written, as somebody heard it who listened all the time. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { toolPath } from '../../support/cluster-tools.ts'
import type { Manifest } from '../../manifests/chart.ts'
import { exec } from './pods.ts'

export interface Listener {
  /** Numbers heard so far. */
  heard(): number
  /** Resolves when the container has ended. Returns the numbers heard. */
  ended(): Promise<number>
}

/** Listens to one run of the app: it counts from 1. */
export function listen(pod: Manifest): Listener {
  const { namespace, name } = pod.metadata
  const words = ['-n', namespace, 'logs', '-f', name, '-c', 'app']
  const child = spawn(toolPath('kubectl'), words, { stdio: ['ignore', 'pipe', 'ignore'] })
  const closed = once(child, 'close')
  let last = 0
  createInterface(child.stdout).on('line', (line) => {
    if (/^\d+$/.test(line)) last = Number(line)
  })
  return {
    heard: () => last,
    async ended() {
      await closed
      return last
    },
  }
}

/** How far each run of the app got, by what its file holds: it counts from 1 in each. Throws where a number is missing. */
export function writtenBy(pod: Manifest): number[] {
  const runs: number[] = []
  for (const line of exec(pod, 'app', 'cat', '/data/acknowledged').split('\n').slice(0, -1)) {
    const number = Number(line)
    const expected = (runs.at(-1) ?? 0) + 1
    if (number === 1) runs.push(1)
    else if (number === expected) runs[runs.length - 1] = number
    else throw new Error(`after ${expected - 1} comes "${line}"`)
  }
  return runs
}

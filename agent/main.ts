#!/usr/bin/env node
/** The sidecar's program: `replicate` and `restore` are its verbs; `wait` and `drain` are how the kubelet's probe and hook ask it. */
import { setFlagsFromString } from 'node:v8'
import { HoldfastError, UsageError } from '../shared/errors.ts'
import { readConfig, readPodUid } from './config.ts'
import { askControl, controlSocket } from './serve/control.ts'

/** The agent's socket is there within this time of its start, else the probe says so and is asked again. */
const SOCKET_TRIES = 50
const SOCKET_WAIT_MS = 100

/** Two of V8's three compilers: the third does nearly as well alone, and each keeps 1 to 2 MiB resident. */
setFlagsFromString('--no-sparkplug')
setFlagsFromString('--no-maglev')

async function main(verb: string | undefined): Promise<number> {
  switch (verb) {
    case 'replicate':
      await (await import('./replicate.ts')).replicate(readConfig(process.env))
      return 0
    case 'restore':
      await (await import('./replicate.ts')).restore(readConfig(process.env))
      return 0
    case 'wait':
      return ask('GET', '/wait')
    case 'drain':
      return ask('POST', '/drain')
    default:
      throw new UsageError(
        `"${verb ?? ''}" is no verb of the agent: allowed are replicate, restore, wait and drain`,
      )
  }
}

/** Prints what the agent says; 0 when it is ready. */
async function ask(method: 'GET' | 'POST', url: '/wait' | '/drain'): Promise<number> {
  const socket = controlSocket(readPodUid(process.env))
  for (let tries = 1; ; tries += 1) {
    try {
      const { status, text } = await askControl(socket, method, url)
      if (text !== '') console.log(text)
      return status < 300 ? 0 : 1
    } catch {
      // It has not begun to listen, or has just ended: both are over soon.
      if (tries < SOCKET_TRIES) await new Promise((resolve) => setTimeout(resolve, SOCKET_WAIT_MS))
      else {
        console.log('the agent is starting')
        return 1
      }
    }
  }
}

try {
  process.exitCode = await main(process.argv[2])
} catch (error) {
  console.error(error instanceof HoldfastError ? error.message : error)
  process.exitCode = error instanceof HoldfastError ? error.exitCode : 1
}

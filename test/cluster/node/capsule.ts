/**
 * What the node's processes live in: namespaces of their own for mounts, processes and the network. Its first process
 * ends with this one, however that happens, and the kernel ends all others with it: components, shims and containers.
 */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { once } from 'node:events'
import { NETWORK, type NodePlace } from './place.ts'
import type { Component } from './components.ts'

export interface Capsule {
  /** Starts a process in there; its output goes to `log/<name>.log` of the place. */
  start(name: string, component: Component): ChildProcess
  /** Runs it to its end. Throws with its last words where that is not 0. */
  run(component: Component): Promise<void>
  /** Resolves when nothing of it runs any more, and its mounts are gone. */
  end(): Promise<void>
}

/** Containers' mounts have to reach their pods; logs and sockets have to stay out of this machine's folders. */
const FIRST_PROCESS = `set -e
mount --make-rshared /
mount --bind "$1/log" /var/log
mount -t tmpfs -o mode=755 tmpfs /run
echo ready
# A shell that waits takes in every orphan that ends.
while :; do sleep 2147483 & wait; done`

export async function makeCapsule(place: NodePlace): Promise<Capsule> {
  const network = `--net=/run/netns/${NETWORK.namespace}`
  const mortal = ['setpriv', '--pdeathsig', 'KILL', '--']
  const apart = ['unshare', '--mount', '--pid', '--fork', '--kill-child=KILL', '--mount-proc', '--']
  const first = ['bash', '-c', FIRST_PROCESS, 'node', place.dir]
  const outer = spawn('nsenter', [network, ...mortal, ...apart, ...first], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const said: string[] = []
  outer.stderr.on('data', (part: Buffer) => said.push(part.toString()))
  const isReady = await Promise.race([
    once(outer.stdout, 'data').then(() => true),
    once(outer, 'exit').then(() => false),
  ])
  if (!isReady) throw new Error(`no namespaces for a test node: ${said.join('').trim()}`)
  const firstPid = childOf(outer.pid)
  const namespaces = ['--target', String(firstPid), '--mount', '--net', '--pid', '--']
  const enter = (component: Component) => [...namespaces, ...component]
  return {
    start(name, component) {
      const log = openSync(join(place.dir, 'log', `${name}.log`), 'a')
      const child = spawn('nsenter', enter(component), {
        stdio: ['ignore', log, log],
        env: environment(place),
        cwd: place.dir,
      })
      child.on('error', () => undefined)
      closeSync(log)
      return child
    },
    async run(component) {
      const child = spawn('nsenter', enter(component), {
        stdio: ['ignore', 'ignore', 'pipe'],
        env: environment(place),
      })
      const words: string[] = []
      child.stderr.on('data', (part: Buffer) => words.push(part.toString()))
      const [code] = (await once(child, 'close')) as [number | null]
      if (code !== 0) throw new Error(`${component.join(' ')}: ${words.join('').trim()}`)
    },
    async end() {
      if (outer.exitCode !== null || outer.signalCode !== null) return
      const gone = once(outer, 'exit')
      process.kill(firstPid, 'SIGKILL')
      await gone
    },
  }
}

/** Of this machine's numbers. */
function childOf(pid: number | undefined): number {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ')
  return Number(children[0])
}

/** Nothing in there speaks to the outside, and a proxy would only come between its parts. */
function environment(place: NodePlace): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !/_proxy$/i.test(name))
  const path = `${place.bin}:${process.env.PATH}:/usr/sbin:/sbin`
  return { ...Object.fromEntries(kept), PATH: path }
}

/** Removes what the kernel keeps of cgroups that nobody is in. */
export function removeCgroups(name: string): void {
  const find = `for folder in /sys/fs/cgroup/"$1" /sys/fs/cgroup/*/"$1"; do
    [ ! -d "$folder" ] || find "$folder" -depth -type d -exec rmdir {} + 2>/dev/null || true
  done`
  spawnSync('bash', ['-c', find, 'cgroups', name])
}

/** The kubelet expects its root to be there, in each hierarchy. */
export function makeCgroups(name: string): void {
  const make = `if [ -f /sys/fs/cgroup/cgroup.controllers ]; then mkdir -p /sys/fs/cgroup/"$1"
    for each in $(cat /sys/fs/cgroup/cgroup.controllers); do
      echo "+$each" >/sys/fs/cgroup/cgroup.subtree_control; echo "+$each" >/sys/fs/cgroup/"$1"/cgroup.subtree_control
    done 2>/dev/null || true
  else for folder in /sys/fs/cgroup/*/; do mkdir -p "$folder$1" 2>/dev/null || true; done; fi`
  spawnSync('bash', ['-c', make, 'cgroups', name])
}

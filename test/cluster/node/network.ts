/**
 * A network namespace for the node: its bridges, rules and routes are in there, and go with it. One pair of interfaces
 * joins it to this machine, and it has no route to anywhere else.
 */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { NETWORK } from './place.ts'

const { namespace, outside, inside, machineIp, nodeIp, services } = NETWORK

/** Throws where a node of another run holds the addresses; what a killed run left is removed. */
export function makeNetwork(): void {
  if (existsSync(`/run/netns/${namespace}`)) {
    const pids = ip('netns', 'pids', namespace).trim()
    if (pids !== '')
      throw new Error(
        `a test node is up already (network namespace ${namespace}, pids ${pids.split('\n').join(' ')}): one at a time`,
      )
    removeNetwork()
  }
  ip('netns', 'add', namespace)
  const within = (...words: string[]) => ip('-n', namespace, ...words)
  ip('link', 'add', outside, 'type', 'veth', 'peer', 'name', inside, 'netns', namespace)
  ip('address', 'add', `${machineIp}/30`, 'dev', outside)
  ip('link', 'set', outside, 'up')
  within('link', 'set', 'lo', 'up')
  within('address', 'add', `${nodeIp}/30`, 'dev', inside)
  within('link', 'set', inside, 'up')
  // The node's own connections to services need a route, any route, before kube-proxy's rules turn them.
  within('link', 'add', 'services', 'type', 'bridge')
  within('link', 'set', 'services', 'up')
  within('route', 'add', services, 'dev', 'services', 'src', nodeIp)
  ip('netns', 'exec', namespace, 'sysctl', '-qw', 'net.ipv4.ip_forward=1')
  // There where the kernel's bridges ask iptables: pods that reach themselves through a service need it.
  if (existsSync('/proc/sys/net/bridge'))
    ip('netns', 'exec', namespace, 'sysctl', '-qw', 'net.bridge.bridge-nf-call-iptables=1')
}

export function removeNetwork(): void {
  ip('netns', 'del', namespace)
  // The kernel takes the pair away some moments after the namespace.
  spawnSync('ip', ['link', 'del', outside], { stdio: 'ignore' })
}

function ip(...words: string[]): string {
  const { status, stdout, stderr } = spawnSync('ip', words, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`ip ${words.join(' ')}: ${stderr.trim()}`)
  return stdout
}

/** Where a test node lies, and which addresses it has. All of them are private to this machine. */
import { mkdirSync, mkdtempSync } from 'node:fs'
import { join } from 'node:path'

/** Everything that the node makes lies in its one folder, which is gone after it. */
export interface NodePlace {
  readonly dir: string
  /** The folder of Kubernetes' programs. */
  readonly bin: string
}

/** The node's network namespace, and the pair of interfaces that joins it to this machine. */
export const NETWORK = {
  namespace: 'holdfast-node',
  outside: 'hf-outside',
  inside: 'hf-inside',
  /** This machine, as the node and its pods see it; what listens here is all that they can reach beside each other. */
  machineIp: '10.197.0.1',
  nodeIp: '10.197.0.2',
  pods: '10.246.0.0/23',
  services: '10.98.0.0/16',
  /** By Kubernetes' rule the first of the services. */
  apiServiceIp: '10.98.0.1',
} as const

export const NODE_NAME = 'node1'
export const API_SERVER = `https://${NETWORK.nodeIp}:6443`
/** Cgroups of the node's pods lie below this name. */
export const CGROUP = 'holdfast-node'

/** In /var/tmp, because images need a file system on a disk, and sockets a short path. */
export function newPlace(home: string): NodePlace {
  const dir = mkdtempSync(`/var/tmp/holdfast-node-${process.pid}-`)
  for (const name of ['pki', 'run', 'log', 'log/pods', 'cni', 'etcd', 'volumes'])
    mkdirSync(join(dir, name), { recursive: true })
  return { dir, bin: join(home, 'bin') }
}

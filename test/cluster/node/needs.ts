/** What a test node needs of the machine; all that is missing is named at once. */
import { accessSync, constants } from 'node:fs'
import { join } from 'node:path'
import { installCommand, installPackages, missingPrograms } from '../../support/debian-packages.ts'
import { CNI_PLUGINS } from './settings.ts'

export const KUBERNETES = [
  'etcd',
  'kube-apiserver',
  'kube-controller-manager',
  'kube-scheduler',
  'kubelet',
  'kube-proxy',
  'kubectl',
  'helm',
  'containerd',
  'containerd-shim-runc-v2',
  'ctr',
  'runc',
]
const PROGRAMS = {
  iptables: 'iptables',
  conntrack: 'conntrack',
  ip: 'iproute2',
  sysctl: 'procps',
  nsenter: 'util-linux',
  mount: 'mount',
  busybox: 'busybox-static',
}
const PLUGINS = ['bridge', 'host-local', 'loopback']

/** Throws one sentence that says what is missing and how to get it. */
export function ensureNodeCanBoot(home: string): void {
  if (process.getuid?.() !== 0)
    throw new Error('a test node is made of namespaces and mounts: run as root, or give KUBECONFIG')
  const absent = KUBERNETES.filter((name) => !isExecutable(join(home, 'bin', name)))
  if (absent.length > 0)
    throw new Error(`K8S_HOME is ${home}, and ${join(home, 'bin')} lacks ${absent.join(', ')}`)
  const packages = missingPackages()
  if (packages.length === 0) return
  installPackages(packages)
  const still = missingPackages()
  if (still.length > 0)
    throw new Error(`a test node needs more of Debian: run "${installCommand(still)}" as root`)
}

function missingPackages(): string[] {
  const programs = missingPrograms(Object.keys(PROGRAMS)) as (keyof typeof PROGRAMS)[]
  const plugins = PLUGINS.some((name) => !isExecutable(join(CNI_PLUGINS, name)))
  return [
    ...programs.map((name) => PROGRAMS[name]),
    ...(plugins ? ['containernetworking-plugins'] : []),
  ]
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}

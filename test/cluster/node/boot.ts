/**
 * A Kubernetes of one node on this machine, as plain processes: no registry, no systemd, no network.
 * By hand: `K8S_HOME=… node test/cluster/node/boot.ts` prints its kubeconfig and stays until a signal ends it.
 */
import type { ChildProcess } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { makeCapsule, makeCgroups, removeCgroups, type Capsule } from './capsule.ts'
import { componentsOf, importImage, type ComponentName } from './components.ts'
import { connect } from '../../../webhook/kubernetes/connect.ts'
import type { ClusterApi } from '../../../webhook/kubernetes/cluster-api.ts'
import { writeIdentities } from './identities.ts'
import { keepKernelSettings } from './kernel-settings.ts'
import { ensureNodeCanBoot } from './needs.ts'
import { makeNetwork, removeNetwork } from './network.ts'
import { pauseImage } from './pause-image.ts'
import { CGROUP, newPlace, NODE_NAME, type NodePlace } from './place.ts'
import { makeVolumes } from './volumes.ts'
import { containerdSocket, settingsOf } from './settings.ts'

export interface TestNode {
  readonly kubeconfig: string
  /** @param file a tar of an image. */
  importImage(file: string): Promise<void>
  /** Ends all that it started, and removes all that it made. */
  stop(): Promise<void>
}

const NODES = { group: '', version: 'v1', plural: 'nodes' }
const SERVICE_ACCOUNTS = { group: '', version: 'v1', plural: 'serviceaccounts' }
/** How long one part may take to come up. */
const PATIENCE_MS = 120_000

/** @param home the folder whose `bin/` has Kubernetes' programs. Throws one sentence where it does not come up. */
export async function bootNode(home: string): Promise<TestNode> {
  ensureNodeCanBoot(home)
  removeLeftOvers()
  makeNetwork()
  const restore = keepKernelSettings()
  const place = newPlace(home)
  let capsule: Capsule | undefined
  const stop = async () => {
    await capsule?.end()
    removeNetwork()
    removeCgroups(CGROUP)
    restore()
    rmSync(place.dir, { recursive: true, force: true })
  }
  try {
    makeCgroups(CGROUP)
    capsule = await makeCapsule(place)
    const kubeconfig = await boot(place, capsule)
    const within = capsule
    return {
      kubeconfig,
      importImage: (file) => within.run(importImage(place, file)),
      stop,
    }
  } catch (error) {
    const problem = `${(error as Error).message}${lastWords(place)}`
    await stop()
    throw new Error(problem, { cause: error })
  }
}

async function boot(place: NodePlace, capsule: Capsule): Promise<string> {
  for (const [name, content] of Object.entries(settingsOf(place)))
    writeFileSync(join(place.dir, name), content)
  const kubeconfig = await writeIdentities(place)
  const components = componentsOf(place, process.execPath)
  const start = (name: ComponentName) => capsule.start(name, components[name])
  start('etcd')
  start('containerd')
  const apiserver = start('apiserver')
  const api = connect(kubeconfig)
  await until('the API server answers', apiserver, () => answers(api))
  const manager = start('controller-manager')
  start('scheduler')
  await until('containerd listens', apiserver, async () => existsSync(containerdSocket(place)))
  await capsule.run(importImage(place, await pauseImage(place)))
  const kubelet = start('kubelet')
  start('kube-proxy')
  start('dns')
  await until(`${NODE_NAME} is ready`, kubelet, () => isReady(api))
  await until('the default ServiceAccount is there', manager, async () => {
    const account = { resource: SERVICE_ACCOUNTS, namespace: 'default', name: 'default' }
    return succeeds(api.call({ verb: 'get', ...account }))
  })
  await makeVolumes(place, api)
  return kubeconfig
}

async function answers(api: ClusterApi): Promise<boolean> {
  return succeeds(api.call({ verb: 'list', resource: NODES }))
}

async function isReady(api: ClusterApi): Promise<boolean> {
  const node = (await api
    .call({ verb: 'get', resource: NODES, name: NODE_NAME })
    .catch(() => ({}))) as {
    status?: { conditions?: { type: string; status: string }[] }
  }
  const conditions = node.status?.conditions ?? []
  return conditions.some(({ type, status }) => type === 'Ready' && status === 'True')
}

async function succeeds(call: Promise<unknown>): Promise<boolean> {
  return call.then(
    () => true,
    () => false,
  )
}

async function until(
  what: string,
  part: ChildProcess,
  probe: () => Promise<boolean>,
): Promise<void> {
  for (const end = Date.now() + PATIENCE_MS; Date.now() < end; await sleep(100)) {
    if (await probe()) return
    if (part.exitCode !== null) throw new Error(`the test node ended before ${what}`)
  }
  throw new Error(`${what}: not within ${PATIENCE_MS / 1000} s`)
}

/** The last line of every log, for a start that failed. */
function lastWords({ dir }: NodePlace): string {
  const logs = readdirSync(join(dir, 'log')).filter((name) => name.endsWith('.log'))
  return logs
    .map((name) => {
      const line = readFileSync(join(dir, 'log', name), 'utf8')
        .trimEnd()
        .split('\n')
        .at(-1)
      return line ? `\n  ${name}: ${line}` : ''
    })
    .join('')
}

/** Folders of runs that were killed; their processes ended with them. */
function removeLeftOvers(): void {
  for (const name of readdirSync('/var/tmp')) {
    const pid = /^holdfast-node-(\d+)-\w{6}$/.exec(name)?.[1]
    if (pid !== undefined && !existsSync(`/proc/${pid}`))
      rmSync(join('/var/tmp', name), { recursive: true, force: true })
  }
}

async function main(): Promise<void> {
  const began = Date.now()
  const node = await bootNode(process.env.K8S_HOME ?? '')
  console.log(`# up in ${((Date.now() - began) / 1000).toFixed(1)} s`)
  console.log(`export KUBECONFIG=${node.kubeconfig}`)
  const alive = setInterval(() => undefined, 60_000)
  await new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, resolve)
  })
  clearInterval(alive)
  await node.stop()
}

if (import.meta.main) await main()

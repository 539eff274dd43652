/** Once for the whole suite: a cluster, an S3 that its pods reach, the images; all of it goes again. */
import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { startCeph, type CephAccess } from '../../support/ceph.ts'
import { tryTool } from '../../support/cluster-tools.ts'
import { makeAppImages } from './app-images.ts'
import { kubectlAsync } from './objects.ts'
import { openGate } from './s3-gate.ts'
import { enterCluster, type ClusterUnderTest } from './ways.ts'

const REPOSITORY = join(import.meta.dirname, '../../..')

/** What tests know of where they run. */
export interface ClusterFacts {
  readonly way: string
  /** Kubernetes', as `v1.36.2`. */
  readonly version: string
  /** Holdfast's, made from these sources. */
  readonly image: string
  /** An address of this machine that pods and the API server reach. */
  readonly address: string
  readonly s3: CephAccess
  /** The S3 as pods reach it. */
  readonly s3Endpoint: string
  readonly gateControl: string
}

declare module 'vitest' {
  interface ProvidedContext {
    ceph: CephAccess
    cluster: ClusterFacts
  }
}

type Undo = () => Promise<void> | void

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const undos: Undo[] = []
  const tearDown = async () => {
    for (const undo of undos.toReversed()) await undo()
  }
  try {
    const facts = await prepare(undos)
    project.provide('cluster', facts)
    project.provide('ceph', facts.s3)
    console.log(`cluster: ${facts.way}, Kubernetes ${facts.version}`)
  } catch (error) {
    await tearDown()
    throw error
  }
  return tearDown
}

async function prepare(undos: Undo[]): Promise<ClusterFacts> {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-images-'))
  undos.push(() => rmSync(folder, { recursive: true, force: true }))
  const cluster = await enterCluster(process.env)
  undos.push(() => cluster.stop())
  process.env.KUBECONFIG = cluster.kubeconfig
  const ceph = await startCeph()
  undos.push(() => ceph.stop())
  const gate = await openGate(cluster.address, ceph.access.endpoint)
  undos.push(() => gate.close())
  const image = await importImages(folder, cluster)
  if (cluster.stays) undos.push(uninstall)
  return {
    way: cluster.way,
    version: serverVersion(),
    image,
    address: cluster.address,
    s3: ceph.access,
    s3Endpoint: gate.endpoint,
    gateControl: gate.control,
  }
}

/** Returns the name of Holdfast's: a new one each time, so that no node takes an older one for it. */
async function importImages(folder: string, cluster: ClusterUnderTest): Promise<string> {
  const name = `localhost/holdfast:test-${randomBytes(4).toString('hex')}`
  const file = join(folder, 'holdfast.tar')
  const words = ['manifests/image/main.ts', 'tar', file, name]
  execFileSync(process.execPath, words, { cwd: REPOSITORY, stdio: ['ignore', 'ignore', 'inherit'] })
  for (const each of [file, ...(await makeAppImages(folder))]) await cluster.importImage(each)
  return name
}

function serverVersion(): string {
  const { stdout } = tryTool('kubectl', ['version', '-o', 'json'])
  const { serverVersion: server } = JSON.parse(stdout) as { serverVersion: { gitVersion: string } }
  return server.gitVersion
}

/** From a cluster that stays. */
async function uninstall(): Promise<void> {
  const absent = ['--ignore-not-found', '--wait=true']
  await kubectlAsync('delete', 'namespace', '-l', 'holdfast.dev/test', ...absent)
  await kubectlAsync('delete', '-k', join(REPOSITORY, 'manifests'), ...absent)
}

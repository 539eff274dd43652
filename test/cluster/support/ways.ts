/** Three ways into the suite: a folder of binaries, kind, or a cluster that is there. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { bootNode } from '../node/boot.ts'
import { NETWORK } from '../node/place.ts'

export interface ClusterUnderTest {
  /** One line for people. */
  readonly way: string
  readonly kubeconfig: string
  /** It is there after the tests: what they installed has to go. */
  readonly stays: boolean
  /** An address of this machine that pods and the API server reach. */
  readonly address: string
  /** @param file a tar of an image. */
  importImage(file: string): Promise<void>
  stop(): Promise<void>
}

export const KIND_CLUSTER = 'holdfast-test'

/** Throws one sentence where the environment names no way. */
export async function enterCluster(environment: NodeJS.ProcessEnv): Promise<ClusterUnderTest> {
  const { K8S_HOME, KIND, KUBECONFIG, IMPORT_IMAGE, MACHINE_ADDRESS } = environment
  if (K8S_HOME) return ownNode(K8S_HOME)
  if (KIND) return kind()
  if (KUBECONFIG && IMPORT_IMAGE && MACHINE_ADDRESS)
    return existing(KUBECONFIG, IMPORT_IMAGE, MACHINE_ADDRESS)
  throw new Error(
    'no cluster: set K8S_HOME to a folder whose bin/ has the programs of Kubernetes; or run make kind-up and set KIND=1; or set KUBECONFIG, with IMPORT_IMAGE (a command that takes the tar of an image to its nodes, as "minikube image load") and MACHINE_ADDRESS (an address of this machine that its pods and API server reach)',
  )
}

async function ownNode(home: string): Promise<ClusterUnderTest> {
  const began = Date.now()
  const node = await bootNode(home)
  const seconds = ((Date.now() - began) / 1000).toFixed(1)
  return {
    ...node,
    stays: false,
    way: `a node of its own, from the binaries in K8S_HOME, up in ${seconds} s`,
    address: NETWORK.machineIp,
  }
}

function kind(): ClusterUnderTest {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-kind-'))
  const kubeconfig = join(folder, 'kubeconfig')
  writeFileSync(kubeconfig, say('kind', 'get', 'kubeconfig', '--name', KIND_CLUSTER))
  const gateway = '{{range .IPAM.Config}}{{.Gateway}} {{end}}'
  const addresses = say('docker', 'network', 'inspect', 'kind', '-f', gateway).trim().split(' ')
  const address = addresses.find((each) => /^\d+(\.\d+){3}$/.test(each))
  if (address === undefined) throw new Error("kind's network has no gateway that is IPv4")
  return {
    stays: true,
    way: `kind (cluster ${KIND_CLUSTER})`,
    kubeconfig,
    address,
    importImage: async (file) => {
      say('kind', 'load', 'image-archive', file, '--name', KIND_CLUSTER)
    },
    stop: async () => {
      rmSync(folder, { recursive: true })
    },
  }
}

function existing(kubeconfig: string, command: string, address: string): ClusterUnderTest {
  return {
    stays: true,
    way: `the cluster of KUBECONFIG (${kubeconfig})`,
    kubeconfig,
    address,
    importImage: async (file) => {
      say('sh', '-c', `${command} "$1"`, 'import', file)
    },
    stop: () => Promise.resolve(),
  }
}

function say(program: string, ...words: string[]): string {
  return execFileSync(program, words, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] })
}

/** A net between the agent and a real S3 store in which everything goes wrong, and the two ways to the store behind it. */
import { onTestFinished } from 'vitest'
import type { ObjectStore } from '../../shared/object-store/object-store.ts'
import { createS3Store } from '../../shared/object-store/s3-store.ts'
import type { FaultyProxy, NetFault } from '../support/faulty-proxy.ts'
import { NET_FAULTS, startFaultyProxy } from '../support/faulty-proxy.ts'
import { viewRepository, type RepositoryView } from '../support/repository-view.ts'
import { s3Environment } from '../support/s3-url.ts'
import type { SeededRandom } from '../support/seeded-random.ts'

export interface Net {
  readonly proxy: FaultyProxy
  /** Of a hundred requests, so many meet a fault. */
  percent: number
  readonly only: NetFault | undefined
}

export async function startNet(random: SeededRandom, only?: NetFault): Promise<Net> {
  // The very first request meets one: no history goes by without.
  let left = 1
  let fault = only ?? random.pick(NET_FAULTS)
  const faultOf = () => {
    // An attempt of the agent is up to three requests: a fault that hits one alone would never be noticed.
    if (left === 0 && random.below(100) < net.percent) {
      left = 1 + random.below(4)
      fault = only ?? random.pick(NET_FAULTS)
    }
    if (left === 0) return undefined
    left -= 1
    return fault
  }
  const proxy = await startFaultyProxy(s3Environment()['AWS_ENDPOINT_URL_S3'] ?? '', faultOf)
  onTestFinished(proxy.stop)
  const net = { proxy, percent: 0, only }
  return net
}

let opening: Promise<unknown> = Promise.resolve()

/** The repository as the agent reaches it, and as an auditor does; one test after the other, because the environment is one. */
export function openBoth(net: Net, url: string): Promise<[ObjectStore, RepositoryView]> {
  const opened = opening.then(async (): Promise<[ObjectStore, RepositoryView]> => [
    await openThrough(net, url),
    await viewRepository(url),
  ])
  opening = opened
  return opened
}

async function openThrough({ proxy }: Net, url: string): Promise<ObjectStore> {
  const direct = process.env['AWS_ENDPOINT_URL_S3']
  process.env['AWS_ENDPOINT_URL_S3'] = proxy.endpoint
  try {
    const { hostname: bucket, pathname } = new URL(url)
    const timeouts = { connectMs: 1000, idleMs: 250 }
    return await createS3Store({ bucket, prefix: `${pathname.slice(1)}/`, timeouts })
  } finally {
    process.env['AWS_ENDPOINT_URL_S3'] = direct
  }
}

/** What a person sees who asks kubectl: the column, the condition, the Events. */
import { beforeAll, expect, inject, it } from 'vitest'
import type { Manifest } from '../manifests/chart.ts'
import { kubectl } from './installed.ts'
import { installHoldfast, newAppNamespace } from './support/holdfast.ts'
import { apply, read, until } from './support/objects.ts'
import { lastVersion, podsOf, protectedCondition, readyPod } from './support/pods.ts'
import { placeOrders } from './support/shop-client.ts'
import { moveGate } from './support/s3-gate.ts'
import { taggedVersion, versionsOf } from './support/stream.ts'
import { bare, deployment, IDLE, shopTemplate, template, type Named } from './support/workloads.ts'

let namespace: string
let shop: Named

beforeAll(async () => {
  await installHoldfast()
  namespace = newAppNamespace()
  shop = { namespace, name: 'shop' }
})

const inNamespace = (...words: string[]) => kubectl('-n', namespace, ...words)

function eventsOf(reason: string): Manifest[] {
  return read('-n', namespace, 'events', '--field-selector', `reason=${reason}`).items
}

/** The declaration says 1 s. A change that nothing had hinted at would wait for the next look at everything: 30 s. */
const DURABLE_MS = 10_000

it('what an app writes first is durable within seconds, though what it declares was not there yet', async ({
  task,
}) => {
  apply(deployment(shop, shopTemplate(shop.name)))
  const pod = await readyPod(shop)
  const took = [await durableAfter(pod, 3), await durableAfter(pod, 1)]
  const seconds = took.map((ms) => (ms / 1000).toFixed(1)).join(' s, then ')
  task.meta.saw = `durable ${seconds} s after the orders`
  for (const ms of took) expect(ms).toBeLessThan(DURABLE_MS)
})

async function durableAfter(pod: Manifest, orders: number): Promise<number> {
  const [before] = await versionsOf(shop)
  placeOrders(pod, orders)
  const placedMs = Date.now()
  await until('a version is durable', async () => (await versionsOf(shop))[0]?.n !== before?.n)
  return Date.now() - placedMs
}

it('a protected pod says so, with its newest version', async () => {
  const pod = await until('the pod says that it is protected', () =>
    podsOf(shop).find(
      (each) => protectedCondition(each)?.status === 'True' && lastVersion(each) > 0,
    ),
  )
  expect(protectedCondition(pod)).toMatchObject({ reason: 'Protected' })
})

it('a backup that was asked for is answered, in an annotation and an Event', async () => {
  const [pod] = podsOf(shop)
  inNamespace('annotate', 'pod', pod.metadata.name, 'holdfast.dev/backup=before-release')
  const version = await taggedVersion(shop, 'before-release')
  await until(
    'the answer is on the pod',
    () =>
      podsOf(shop)[0].metadata.annotations['holdfast.dev/last-backup'] ===
      `before-release=v${version}`,
  )
  await until('an Event tells it', () => eventsOf('BackupMade').length === 1)
})

it('a restore shows in the column, the annotation, the condition and an Event', async () => {
  const [{ metadata }] = podsOf(shop)
  const version = await taggedVersion(shop, 'before-release')
  const pinned = { metadata: { labels: { 'holdfast.dev/restore': `v${version}` } } }
  const words = ['--type=strategic', '-p', JSON.stringify({ spec: { template: pinned } })]
  inNamespace('patch', 'deployment', shop.name, ...words)
  const pod = await readyPod(shop, metadata.uid)
  await until('the answer is on the pod', () =>
    String(podsOf(shop)[0].metadata.annotations['holdfast.dev/restored']).endsWith(`=v${version}`),
  )
  await until('an Event tells it', () => eventsOf('Restored').length === 1)
  await until('it is protected', () => protectedCondition(podsOf(shop)[0])?.status === 'True')
  show('get', 'pods', '-L', 'holdfast.dev/restore')
  show('describe', 'pod', pod.metadata.name)
  show('get', 'events', '--sort-by=.metadata.creationTimestamp')
})

it('a store that is away shows in condition and Events, and so does its return', async () => {
  const idle = { namespace, name: 'idle' }
  apply(bare(idle, template(idle.name, IDLE)))
  await readyPod(idle)
  await moveGate(inject('cluster').gateControl, 'shut')
  try {
    placeOrders(podsOf(shop)[0], 1)
    const pod = await until('the condition says so', () =>
      podsOf(shop).find((each) => protectedCondition(each)?.status === 'False'),
    )
    expect(protectedCondition(pod)).toMatchObject({ reason: 'StoreUnreachable' })
    expect(protectedCondition(podsOf(idle)[0])?.status).not.toBe('False')
    show(
      'get',
      'events',
      '--sort-by=.metadata.creationTimestamp',
      '--field-selector',
      'type=Warning',
    )
  } finally {
    await moveGate(inject('cluster').gateControl, 'open')
  }
  await until('it is protected again', () => protectedCondition(podsOf(shop)[0])?.status === 'True')
})

it('nobody is told that a pod which ended in order has left something unshipped', () => {
  expect(eventsOf('GoneUnshipped')).toEqual([])
})

/** As in docs/on-a-cluster.md. */
function show(...words: string[]): void {
  console.log(`$ kubectl ${words.join(' ')}\n${inNamespace(...words)}`)
}

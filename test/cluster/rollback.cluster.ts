/** One label brings image and state back; the pinned pod goes on from there; it all can be undone. */
import { beforeAll, describe, expect, it } from 'vitest'
import type { Manifest } from '../manifests/chart.ts'
import { kubectl } from './installed.ts'
import { SHOP_14, SHOP_15 } from './support/app-images.ts'
import { installHoldfast, newAppNamespace } from './support/holdfast.ts'
import { apply, read, until } from './support/objects.ts'
import { isReady, podsOf, readyPod } from './support/pods.ts'
import { booksOf, placeOrders } from './support/shop-client.ts'
import { recordsOf, taggedVersion } from './support/stream.ts'
import { deployment, shopTemplate, statefulSet, type Named } from './support/workloads.ts'

let namespace: string

beforeAll(async () => {
  await installHoldfast()
  namespace = newAppNamespace()
})

/** What `kubectl edit` would change in the pod template. */
function change(kind: string, { name }: Named, metadata: object, image?: string): void {
  const containers = image === undefined ? undefined : [{ name: 'shop', image }]
  const patch = JSON.stringify({ spec: { template: { metadata, spec: { containers } } } })
  kubectl('-n', namespace, 'patch', kind, name, '--type=strategic', '-p', patch)
}

function notesOf({ metadata }: Manifest): string[] {
  const which = `involvedObject.uid=${metadata.uid}`
  const { items } = read('-n', namespace, 'events', '--field-selector', which)
  return (items as Manifest[]).map(({ message }) => String(message))
}

/** @param request anything new asks for the same version again. */
function pinned(version: number, request: string | null = null): object {
  return {
    labels: { 'holdfast.dev/restore': `v${version}` },
    annotations: { 'holdfast.dev/restore-request': request },
  }
}

const UNPINNED = {
  labels: { 'holdfast.dev/restore': null },
  annotations: { 'holdfast.dev/restore-request': null },
}

function imageOf(pod: Manifest): string {
  return pod.spec.containers[0].image
}

describe.each([
  ['deployment', deployment],
  ['statefulset', statefulSet],
] as const)('a bad release of a %s', (kind, workload) => {
  const shop = (): Named => ({ namespace, name: `shop-${kind}` })
  let good = 0
  let pod: Manifest

  /** The pod that comes after the change. */
  async function next(go: () => void): Promise<Manifest> {
    const { uid } = pod.metadata
    go()
    return readyPod(shop(), uid)
  }

  it('spoils the books', async () => {
    apply(workload(shop(), shopTemplate(shop().name)))
    pod = await readyPod(shop())
    placeOrders(pod, 4)
    kubectl('-n', namespace, 'annotate', 'pod', pod.metadata.name, 'holdfast.dev/backup=good')
    good = await taggedVersion(shop(), 'good')
    pod = await next(() => change(kind, shop(), {}, SHOP_15))
    placeOrders(pod, 2)
    expect(booksOf(pod)).toMatchObject({ version: '1.5', count: 6, consistent: false })
  })

  it('is undone by the label: image and state are back', async ({ task }) => {
    const began = Date.now()
    pod = await next(() => change(kind, shop(), pinned(good)))
    task.meta.saw = `v${good} is back, image and state, ${((Date.now() - began) / 1000).toFixed(1)} s after the label`
    expect(imageOf(pod)).toBe(SHOP_14)
    expect(booksOf(pod)).toMatchObject({ version: '1.4', count: 4, consistent: true })
    const told = await until('an Event tells of the pinned image', () =>
      notesOf(pod).find((note) => note.includes('the template says')),
    )
    expect(told).toContain(`holdfast.dev/restore=v${good} runs container "shop" with ${SHOP_14}`)
    expect(told).toContain(SHOP_15)
  })

  it('leaves the pinned pod its new writes when it is rescheduled', async () => {
    placeOrders(pod, 3)
    pod = await next(() => kubectl('-n', namespace, 'delete', 'pod', pod.metadata.name))
    expect(imageOf(pod)).toBe(SHOP_14)
    expect(booksOf(pod)).toMatchObject({ count: 7, consistent: true })
  })

  it('leaves them when the pin is taken off', async () => {
    pod = await next(() => change(kind, shop(), UNPINNED, SHOP_14))
    expect(booksOf(pod)).toMatchObject({ count: 7, consistent: true })
  })

  it('is restored once more when it is asked for anew, and that is undone', async ({ task }) => {
    pod = await next(() => change(kind, shop(), pinned(good, 'again')))
    expect(booksOf(pod)).toMatchObject({ count: 4, consistent: true })
    const restore = (await recordsOf(shop())).find((record) => record.kind === 'restore')
    const back = restore?.left.head?.version ?? 0
    pod = await next(() => change(kind, shop(), pinned(back, 'undo')))
    expect(booksOf(pod)).toMatchObject({ count: 7, consistent: true })
    task.meta.saw = `v${good} again, and back to v${back}`
  })
})

describe('a StatefulSet whose release crashes', () => {
  it('is back as soon as the pods that stand in the way are deleted', async ({ task }) => {
    const shop = { namespace, name: 'crashing' }
    apply(statefulSet(shop, shopTemplate(shop.name)))
    const pod = await readyPod(shop)
    placeOrders(pod, 3)
    kubectl('-n', namespace, 'annotate', 'pod', pod.metadata.name, 'holdfast.dev/backup=good')
    const good = await taggedVersion(shop, 'good')
    const crash = [{ name: 'shop', command: ['false'] }]
    const patch = { spec: { template: { spec: { containers: crash } } } }
    const words = ['--type=strategic', '-p', JSON.stringify(patch)]
    kubectl('-n', namespace, 'patch', 'statefulset', shop.name, ...words)
    const bad = await until('the release crashes', () =>
      podsOf(shop).find((each) => each.status.containerStatuses?.[0].restartCount > 0),
    )
    const back = {
      metadata: pinned(good),
      spec: { containers: [{ name: 'shop', command: null }] },
    }
    const repair = JSON.stringify({ spec: { template: back } })
    kubectl('-n', namespace, 'patch', 'statefulset', shop.name, '--type=strategic', '-p', repair)
    expect(isReady(bad)).toBe(false)
    // Kubernetes itself leaves a pod that is not ready where it is: known, and the rollback's last step.
    kubectl('-n', namespace, 'delete', 'pod', bad.metadata.name)
    const again = await readyPod(shop, bad.metadata.uid)
    expect(booksOf(again)).toMatchObject({ version: '1.4', count: 3, consistent: true })
    task.meta.saw = `v${good} is back`
  })
})

function keptPins(): Manifest[] {
  const { items } = read('-n', 'holdfast-system', 'configmaps')
  return (items as Manifest[]).filter(({ metadata }) =>
    String(metadata.annotations?.['holdfast.dev/app']).startsWith(`${namespace}/`),
  )
}

describe('what pins mean', () => {
  it('is kept for as long as their namespace is there', async () => {
    expect(keptPins()).not.toEqual([])
    kubectl('delete', 'namespace', namespace, '--wait=false')
    await until('nothing is kept any more', () => keptPins().length === 0)
  })
})

/** What the README applies: the example as it lies there, but for where its image comes from and the namespace's name. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, expect, it } from 'vitest'
import { MANIFESTS, manifestsOf, type Manifest } from '../manifests/chart.ts'
import { SHOP_14 } from './support/app-images.ts'
import { installHoldfast, newAppNamespace } from './support/holdfast.ts'
import { apply } from './support/objects.ts'
import { readyPod } from './support/pods.ts'
import { booksOf, placeOrders } from './support/shop-client.ts'
import { kubectl } from './installed.ts'

let namespace: string

beforeAll(async () => {
  await installHoldfast()
  namespace = newAppNamespace()
})

it('serves, and has its orders again in the pod that follows', async () => {
  const example = manifestsOf(readFileSync(join(MANIFESTS, 'examples/shop.yaml'), 'utf8'))
  const changed = example.map((each): Manifest => {
    const { containers = [] } = each.spec.template?.spec ?? {}
    for (const container of containers)
      if (container.image === 'shop:1.4') container.image = SHOP_14
    return { ...each, metadata: { ...each.metadata, namespace } }
  })
  apply(...changed)
  const of = { namespace, name: 'shop' }
  const first = await readyPod(of)
  placeOrders(first, 3)
  kubectl('-n', namespace, 'delete', 'pod', first.metadata.name)
  const second = await readyPod(of, first.metadata.uid)
  expect(booksOf(second)).toMatchObject({ count: 3, receipts: 3, consistent: true })
})

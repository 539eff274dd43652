/** What was acknowledged is there again: after kills, deletes, a drain, and without the volume. */
import { beforeAll, describe, expect, it } from 'vitest'
import type { Manifest } from '../manifests/chart.ts'
import { runTool } from '../support/cluster-tools.ts'
import { kubectl } from './installed.ts'
import { listen, writtenBy } from './support/acknowledged.ts'
import { installHoldfast, newAppNamespace } from './support/holdfast.ts'
import { apply, find, read, until } from './support/objects.ts'
import { isReady, killContainers, podsOf, readyPod, SIDECAR, statusOf } from './support/pods.ts'
import { booksOf, placeOrders } from './support/shop-client.ts'
import {
  deployment,
  shopTemplate,
  statefulSet,
  writerTemplate,
  type Named,
} from './support/workloads.ts'

let namespace: string
const app = (name: string): Named => ({ namespace, name })
const inNamespace = (...words: string[]) => kubectl('-n', namespace, ...words)

beforeAll(async () => {
  await installHoldfast()
  namespace = newAppNamespace()
})

const WITHOUT_SURGE = {
  type: 'RollingUpdate',
  rollingUpdate: { maxSurge: 0, maxUnavailable: 1 },
}

function restarts(pod: Manifest, container: string): number {
  return statusOf(pod, container).restartCount
}

/** Resolves when the container has ended and runs again, and the pod is ready. */
async function restarted(of: Named, ...containers: string[]): Promise<Manifest> {
  const before = await readyPod(of)
  killContainers(before, ...containers)
  return until(`${containers.join(' and ')} restarted`, () =>
    podsOf(of).find(
      (pod) =>
        isReady(pod) && containers.every((name) => restarts(pod, name) > restarts(before, name)),
    ),
  )
}

describe.each([
  ['a StatefulSet with its state in a claim', statefulSet],
  ['a Deployment with its state in an emptyDir', deployment],
])('the shop as %s', (_, workload) => {
  const shop = () => app(workload === statefulSet ? 'shop-set' : 'shop')
  let orders = 0

  /** Each order has its receipt, and one more is taken. */
  function agree(pod: Manifest): void {
    const books = booksOf(pod)
    expect(books).toMatchObject({ count: orders, receipts: orders, consistent: true })
    placeOrders(pod, 2)
    orders += 2
  }

  it('takes orders', async () => {
    apply(workload(shop(), shopTemplate(shop().name)))
    const pod = await readyPod(shop())
    expect(statusOf(pod, SIDECAR).started).toBe(true)
    agree(pod)
  })

  it.each([
    ['shop', ['shop']],
    ['the sidecar', [SIDECAR]],
    ['both', ['shop', SIDECAR]],
  ] as const)('has all of them after kill -9 of %s', async (__, containers) => {
    const pod = await restarted(shop(), ...containers)
    agree(pod)
  })

  it('has all of them after its pod was deleted', async ({ task }) => {
    const before = await readyPod(shop())
    const began = Date.now()
    kubectl('-n', namespace, 'delete', 'pod', before.metadata.name, '--wait=false')
    const pod = await readyPod(shop(), before.metadata.uid)
    task.meta.saw = `${orders} orders; ready again after ${((Date.now() - began) / 1000).toFixed(1)} s`
    agree(pod)
  })

  it('has all of them after its volume was lost', async ({ task }) => {
    const before = await readyPod(shop())
    const claim = ['-n', namespace, 'pvc', 'data-shop-set-0']
    const volume = () => find(...claim)?.spec.volumeName
    const old = volume()
    const began = Date.now()
    if (workload === statefulSet) kubectl('delete', ...claim, '--wait=false')
    kubectl('-n', namespace, 'delete', 'pod', before.metadata.name)
    const pod = await readyPod(shop(), before.metadata.uid)
    if (workload === statefulSet) expect(volume()).not.toBe(old)
    task.meta.saw = `${orders} orders; ready again after ${((Date.now() - began) / 1000).toFixed(1)} s`
    agree(pod)
  })
})

describe('an app that acknowledges a write every 50 ms', () => {
  it.for([
    ['writer-set', 'a StatefulSet', statefulSet, {}],
    ['writer', 'a Deployment under Recreate', deployment, {}],
    ['writer-rolling', 'a Deployment with maxSurge 0', deployment, { strategy: WITHOUT_SURGE }],
  ] as const)(
    'finds each of them again as %s (%s): deleted, rolled and drained',
    async ([name, , workload, spec], { task }) => {
      const writer = app(name)
      apply(workload(writer, writerTemplate(name), spec))
      const kind = workload === statefulSet ? 'statefulset' : 'deployment'
      const acknowledged: number[] = []
      const saw: string[] = []
      for (const [what, go] of [
        ['deleted', () => inNamespace('delete', 'pod', '-l', `app=${name}`, '--wait=false')],
        ['rolled', () => inNamespace('rollout', 'restart', `${kind}/${name}`)],
        ['drained', () => drain(name, workload !== statefulSet)],
      ] as const) {
        const before = await readyPod(writer)
        const listener = listen(before)
        await until('it has acknowledged a hundred', () => listener.heard() >= 100)
        go()
        acknowledged.push(await listener.ended())
        const found = writtenBy(await readyPod(writer, before.metadata.uid))
        for (const [run, count] of acknowledged.entries())
          expect(found[run], `${what}, run ${run}`).toBeGreaterThanOrEqual(count)
        const last = acknowledged.length - 1
        saw.push(`${what}: ${acknowledged[last]} acknowledged, ${found[last]} found`)
      }
      task.meta.saw = saw.join('; ')
    },
  )
})

/** @param emptyDir the state is in one: kubectl asks for a flag then, as it did before Holdfast. */
function drain(name: string, emptyDir: boolean): void {
  const node = read('nodes').items[0].metadata.name
  const flags = emptyDir ? ['--delete-emptydir-data'] : []
  try {
    runTool('kubectl', 'drain', node, `--pod-selector=app=${name}`, '--timeout=120s', ...flags)
  } finally {
    runTool('kubectl', 'uncordon', node)
  }
}

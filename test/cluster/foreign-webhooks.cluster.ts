/** Mutating webhooks of others, that come after ours and change the pod once more. */
import { afterAll, beforeAll, expect, inject, it } from 'vitest'
import type { Manifest } from '../manifests/chart.ts'
import { kubectl } from './installed.ts'
import { TOOLS } from './support/app-images.ts'
import { startForeignWebhook, type ForeignWebhook } from './support/foreign-webhook.ts'
import { installHoldfast, newAppNamespace } from './support/holdfast.ts'
import { apply, applyAsync } from './support/objects.ts'
import { readyPod, SIDECAR } from './support/pods.ts'
import { bare, IDLE, template } from './support/workloads.ts'

const NAME = 'foreign'

let namespace: string
let foreign: ForeignWebhook
let change: (pod: Manifest) => Manifest

beforeAll(async () => {
  await installHoldfast()
  namespace = newAppNamespace()
  foreign = await startForeignWebhook(inject('cluster').address, (pod) => change(pod))
  apply(foreign.configuration(NAME, namespace))
})
afterAll(() => {
  kubectl('delete', 'mutatingwebhookconfiguration', NAME)
  foreign.close()
})

it.for([
  [
    'adds a native sidecar of its own',
    (pod: Manifest) => ({
      ...pod,
      spec: {
        ...pod.spec,
        initContainers: [
          ...((pod.spec.initContainers ?? []) as Manifest[]).filter((each) => each.name !== 'mesh'),
          { name: 'mesh', image: TOOLS, command: IDLE, restartPolicy: 'Always' },
        ],
      },
    }),
  ],
  [
    'takes restartPolicy off the sidecar',
    (pod: Manifest) => ({
      ...pod,
      spec: {
        ...pod.spec,
        initContainers: ((pod.spec.initContainers ?? []) as Manifest[]).map((each) => ({
          ...each,
          restartPolicy: undefined,
        })),
      },
    }),
  ],
] as const)(
  '%s: ours is asked again, and there is one whole sidecar',
  async ([what, to], { task }) => {
    change = to
    const before = foreign.asked()
    const of = { namespace, name: what.startsWith('adds') ? 'twice' : 'stripped' }
    const problem = await applyAsync(bare(of, template(of.name, IDLE)))
    expect(foreign.asked()).toBeGreaterThan(before)
    // A webhook that comes after ours each time has the last word: then the API server refuses the pod, in words.
    task.meta.saw = problem ?? 'admitted, and ready'
    if (problem !== undefined) return expect(problem).toMatch(/restartPolicy|startupProbe/)
    const pod = await readyPod(of)
    const ours = (pod.spec.initContainers as Manifest[]).filter((each) => each.name === SIDECAR)
    expect(ours).toHaveLength(1)
    expect(ours[0].restartPolicy).toBe('Always')
  },
)

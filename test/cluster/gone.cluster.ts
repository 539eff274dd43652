/** A pod that goes before everything was shipped is told of, with the size, by whoever leads then or next. */
import { afterAll, beforeAll, beforeEach, inject, it } from 'vitest'
import type { Manifest } from '../manifests/chart.ts'
import { kubectl } from './installed.ts'
import {
  installHoldfast,
  isInstalled,
  newAppNamespace,
  scaleService,
  SYSTEM,
} from './support/holdfast.ts'
import { apply, read, until } from './support/objects.ts'
import { exec, podsOf, protectedCondition, readyPod } from './support/pods.ts'
import { moveGate } from './support/s3-gate.ts'
import { bare, deployment, IDLE, template, type Named } from './support/workloads.ts'

/** What is written while S3 is away. */
const BYTES = 4096
/** The Lease says how far pods were watched with half a minute's delay. */
const PATIENCE_MS = 90_000

let namespace: string

beforeAll(async () => {
  await installHoldfast()
  namespace = newAppNamespace()
})

beforeEach(() => moveGate(inject('cluster').gateControl, 'open'))
afterAll(() => moveGate(inject('cluster').gateControl, 'open'))

/** Its condition says how much is unshipped. */
async function leaveUnshipped(app: Named): Promise<Manifest> {
  const pod = await readyPod(app)
  await moveGate(inject('cluster').gateControl, 'shut')
  exec(pod, 'app', 'sh', '-c', `head -c ${BYTES} /dev/zero > /data/late`)
  return until('the condition says so', () =>
    podsOf(app).find((now) =>
      protectedCondition(now)?.message.includes(` at least ${BYTES} bytes unshipped since `),
    ),
  )
}

/** At once, so that its agent says nothing any more. */
function remove({ metadata }: Manifest): void {
  kubectl('-n', namespace, 'delete', 'pod', metadata.name, '--grace-period=0', '--force')
}

async function toldOf(pod: Manifest): Promise<Manifest> {
  return until('an Event tells that it has gone', () => {
    const events = read('-n', namespace, 'events').items as Manifest[]
    return events.find(
      ({ reason, message }) =>
        reason === 'GoneUnshipped' &&
        message.startsWith(
          `pod ${pod.metadata.name} has gone with at least ${BYTES} bytes unshipped since `,
        ),
    )
  })
}

it('a pod of a Deployment is told of at its ReplicaSet', async ({ expect, task }) => {
  const app = { namespace, name: 'watched' }
  apply(deployment(app, template(app.name, IDLE)))
  const pod = await leaveUnshipped(app)
  remove(pod)
  const { involvedObject, message } = await toldOf(pod)
  expect(involvedObject).toMatchObject({
    kind: 'ReplicaSet',
    name: pod.metadata.ownerReferences[0].name,
  })
  task.meta.saw = message
})

it('a pod that went while nobody led is told of by the next leader', async ({ expect }) => {
  const app = { namespace, name: 'unwatched' }
  apply(bare(app, template(app.name, IDLE)))
  const pod = await leaveUnshipped(app)
  const seen = BigInt(pod.metadata.resourceVersion)
  await until(
    'the Lease says that the pod was watched',
    () => BigInt(watchedTo() ?? '0') >= seen,
    PATIENCE_MS,
  )
  scaleService(0)
  await until('nobody leads', () => read('-n', SYSTEM, 'pods').items.length === 0)
  remove(pod)
  scaleService(2)
  await isInstalled()
  const { involvedObject } = await toldOf(pod)
  expect(involvedObject).toMatchObject({ kind: 'Pod', uid: pod.metadata.uid })
})

function watchedTo(): string | undefined {
  const { metadata } = read('-n', SYSTEM, 'lease', 'holdfast-webhook')
  return metadata.annotations?.['holdfast.dev/watched-to']
}

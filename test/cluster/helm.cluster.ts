/** Installed by Helm it protects as well; uninstalled it leaves every app running, and every version in the bucket. */
import { afterAll, beforeAll, expect, inject, it } from 'vitest'
import { CHART, MANIFESTS } from '../manifests/chart.ts'
import { runTool } from '../support/cluster-tools.ts'
import { kubectl } from './installed.ts'
import { listen, writtenBy } from './support/acknowledged.ts'
import {
  credentialsSecret,
  isInstalled,
  newAppNamespace,
  storeSettings,
  SYSTEM,
} from './support/holdfast.ts'
import { apply, until } from './support/objects.ts'
import { isReady, podsOf, readyPod, SIDECAR, statusOf } from './support/pods.ts'
import { versionsOf } from './support/stream.ts'
import { bare, deployment, IDLE, template, writerTemplate } from './support/workloads.ts'

let namespace: string
const RELEASE = ['holdfast', '-n', SYSTEM]

beforeAll(async () => {
  kubectl('delete', '-k', MANIFESTS, '--ignore-not-found', '--wait')
  kubectl('create', 'namespace', SYSTEM)
  apply(credentialsSecret(SYSTEM))
  const [repository, tag] = inject('cluster').image.split(/:(?=[^:]*$)/)
  const { HOLDFAST_STORE, AWS_ENDPOINT_URL_S3, AWS_REGION } = storeSettings()
  const values = {
    'image.repository': repository,
    'image.tag': tag,
    'store.url': HOLDFAST_STORE,
    'store.endpoint': AWS_ENDPOINT_URL_S3,
    'store.region': AWS_REGION,
  }
  const sets = Object.entries(values).flatMap(([name, value]) => ['--set', `${name}=${value}`])
  runTool('helm', 'install', ...RELEASE, CHART, '--wait', '--timeout', '120s', ...sets)
  await isInstalled()
  namespace = newAppNamespace()
})

afterAll(() => {
  kubectl('delete', 'namespace', SYSTEM, '--ignore-not-found')
})

it('an app is protected, and goes on when Holdfast is uninstalled', async ({ task }) => {
  const app = { namespace, name: 'writer' }
  apply(deployment(app, writerTemplate(app.name)))
  const pod = await readyPod(app)
  const listener = listen(pod)
  await until('it acknowledges', () => listener.heard() >= 40)
  runTool('helm', 'uninstall', ...RELEASE, '--wait')
  const [before] = await versionsOf(app)
  await until('the sidecar ships on', async () => {
    return ((await versionsOf(app))[0]?.n ?? 0) > (before?.n ?? 0)
  })
  const [now] = podsOf(app)
  expect(now.metadata.uid).toBe(pod.metadata.uid)
  expect(isReady(now)).toBe(true)
  for (const name of ['app', SIDECAR]) expect(statusOf(now, name).restartCount).toBe(0)
  task.meta.saw = `${writtenBy(now)[0]} writes, none stopped it`
})

it('pods that come afterwards start at once, without the sidecar', async () => {
  const app = { namespace, name: 'late' }
  apply(bare(app, template(app.name, IDLE)))
  expect((await readyPod(app)).spec.initContainers).toBeUndefined()
})

it('every version stays', async () => {
  expect((await versionsOf({ namespace, name: 'writer' })).length).toBeGreaterThan(0)
})

/** What the webhooks see, and what passes them by, with nobody there to answer. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { MANIFESTS, manifestsOf, type Manifest } from '../manifests/chart.ts'
import {
  DRY,
  STATE,
  deployment,
  eventually,
  installWithoutReplicas,
  kubectl,
  newNamespace,
  refusal,
  template,
  uninstall,
} from './installed.ts'

let namespace: string

beforeAll(() => {
  installWithoutReplicas()
  namespace = newNamespace()
})

afterAll(() => {
  uninstall(namespace)
})

const create = (metadata: object, inside = namespace) =>
  refusal(
    {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'a', namespace: inside, ...metadata },
      spec: template().spec,
    },
    ...DRY,
  )

describe('with Holdfast down', () => {
  const asking = { annotations: STATE }
  it('a pod that asks for it is refused, and each other one taken', async () => {
    const failed = 'failed calling webhook "pods.holdfast.dev"'
    await eventually(() => expect(create(asking)).toContain(failed))
    expect(create({ labels: { 'holdfast.dev/restore': 'v1' } })).toContain(failed)
    expect(create({})).toBeUndefined()
    expect(create({ labels: { app: 'x' }, annotations: { note: 'x' } })).toBeUndefined()
    expect(create(asking, 'kube-system')).toBeUndefined()
  })

  it('workloads are taken, pinned or not: their webhooks only advise', () => {
    const labels = { app: 'x', 'holdfast.dev/restore': 'v1' }
    const pinned = template({ labels, annotations: STATE })
    expect(refusal(deployment('pinned', namespace, { template: pinned }), ...DRY)).toBeUndefined()
    expect(refusal(deployment('declared', namespace), ...DRY)).toBeUndefined()
  })
})

const podOf = (metadata: object) => ({
  metadata,
  spec: { ...template().spec, restartPolicy: 'Never' },
})
const SILENT = podOf({ annotations: { note: 'x' } })
const DECLARING = podOf({ annotations: STATE })

const job = (pod: object) => ({
  apiVersion: 'batch/v1',
  kind: 'Job',
  metadata: { name: 'job', namespace },
  spec: { template: pod },
})

const cronJob = (pod: object, schedule = '0 0 1 1 *', metadata: object = {}) => ({
  apiVersion: 'batch/v1',
  kind: 'CronJob',
  metadata: { name: 'cron', namespace, ...metadata },
  spec: { schedule, jobTemplate: { spec: { template: pod } } },
})

const asked = (object: Manifest, ...words: readonly string[]) => {
  const said = refusal(object, ...words)
  if (said !== undefined) expect(said).toContain('failed calling webhook')
  return said !== undefined
}

/** The same conditions under `Fail`: with nobody there to answer, exactly what is asked about is refused. */
describe('a workload is looked at', () => {
  const FAILING = 'holdfast-test-failing'

  async function failInstead(): Promise<void> {
    const configuration = manifestsOf(kubectl('kustomize', MANIFESTS)).find(
      ({ kind }) => kind === 'ValidatingWebhookConfiguration',
    )
    configuration.metadata.name = FAILING
    for (const webhook of configuration.webhooks) {
      webhook.failurePolicy = 'Fail'
      webhook.namespaceSelector = { matchLabels: { 'kubernetes.io/metadata.name': namespace } }
    }
    expect(refusal(configuration, 'create')).toBeUndefined()
    await eventually(() => expect(asked(deployment('probe', namespace), ...DRY)).toBe(true))
  }

  afterAll(() => {
    kubectl('delete', 'validatingwebhookconfiguration', FAILING, '--ignore-not-found')
  })

  it('when its template changes, and for nothing else that happens to it', async () => {
    // Made before anybody is asked.
    expect(refusal(deployment('kept', namespace))).toBeUndefined()
    expect(refusal(cronJob(DECLARING))).toBeUndefined()
    await failInstead()
    const kept = ['-n', namespace]
    expect(asked(cronJob(DECLARING, '0 0 2 1 *', { labels: { a: 'b' } }))).toBe(false)
    kubectl(...kept, 'annotate', 'deployment', 'kept', 'note=x')
    kubectl(...kept, 'scale', 'deployment', 'kept', '--replicas=1')
    expect(asked(cronJob(podOf({ annotations: { 'holdfast.dev/state': '/other' } })))).toBe(true)
    const rolled = () => kubectl(...kept, 'set', 'image', 'deployment/kept', 'app=localhost/app:2')
    expect(rolled).toThrow('failed calling webhook')
    kubectl(...kept, 'delete', 'deployment', 'kept', '--cascade=foreground', '--timeout=60s')
  })

  it('when it declares state: in its template, or by mistake on itself', () => {
    const plain = { template: template({}) }
    expect(asked(deployment('plain', namespace, plain), ...DRY)).toBe(false)
    const misplaced = deployment('misplaced', namespace, plain)
    misplaced.metadata.annotations = STATE
    expect(asked(misplaced, ...DRY)).toBe(true)
    const pinned = { template: template({ labels: { app: 'x', 'holdfast.dev/restore': 'v1' } }) }
    expect(asked(deployment('pinned', namespace, pinned), ...DRY)).toBe(true)
  })

  it.each(['StatefulSet', 'DaemonSet'])('of kind %s', (kind) => {
    const { replicas: _replicas, strategy: _strategy, ...spec } = deployment('x', namespace).spec
    const object = { ...deployment('other', namespace), kind, spec }
    expect(asked(object, ...DRY)).toBe(true)
    expect(asked({ ...object, spec: { ...spec, template: template({}) } }, ...DRY)).toBe(false)
  })

  it('of kind Job and CronJob, whose template lies deeper', () => {
    expect(asked(job(DECLARING), ...DRY)).toBe(true)
    expect(asked(job(SILENT), ...DRY)).toBe(false)
    const named = { name: 'further' }
    expect(asked(cronJob(DECLARING, '0 0 1 1 *', named), ...DRY)).toBe(true)
    expect(asked(cronJob(SILENT, '0 0 1 1 *', named), ...DRY)).toBe(false)
  })
})

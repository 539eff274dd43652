/**
 * A change of authority under load, against a real API server: the service is two servers of this process, which the API
 * server has to reach. Not one pod is turned away, from before the change until after it.
 */
import { randomBytes } from 'node:crypto'
import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { systemClock } from '../../shared/clock.ts'
import { admit } from '../../webhook/admission/admit-pod.ts'
import { DAY_MS, issueServing, makeAuthority } from '../../webhook/certificates/issue.ts'
import { certificatesIn } from '../../webhook/certificates/kept-certificates.ts'
import { followKeyPair } from '../../webhook/certificates/kept-key-pair.ts'
import { keepRotating } from '../../webhook/certificates/rotation.ts'
import { certificateSecret } from '../../webhook/kubernetes/certificate-secret.ts'
import type { ClusterApi, Resource } from '../../webhook/kubernetes/cluster-api.ts'
import { connect } from '../../webhook/kubernetes/connect.ts'
import { namespacePoliciesFromCluster } from '../../webhook/kubernetes/namespaces.ts'
import { MUTATING_WEBHOOKS, NAMESPACES } from '../../webhook/kubernetes/resources.ts'
import { trustedBundles } from '../../webhook/kubernetes/trusted-bundles.ts'
import { startServer, type WebhookServer } from '../../webhook/serve/server.ts'
import { readCase, SERVICE } from '../golden/admission-case.ts'
import { eventually } from './installed.ts'

const NAME = `holdfast-rotation-${randomBytes(4).toString('hex')}`
const PODS: Resource = { group: '', version: 'v1', plural: 'pods' }
const ACCOUNTS: Resource = { group: '', version: 'v1', plural: 'serviceaccounts' }
/** Where the API server reaches this machine. */
const ADDRESS = inject('cluster').address
const LEAF_NAMES = [ADDRESS]

let api: ClusterApi
const servers: WebhookServer[] = []
const end = new AbortController()
const steps: string[] = []
const errors: unknown[] = []

beforeAll(async () => {
  api = connect(process.env['KUBECONFIG'])
  const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAME } }
  await api.call({ verb: 'create', resource: NAMESPACES, body: namespace })
  const account = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default' } }
  // Where controllers run, they were faster.
  await api
    .call({ verb: 'create', resource: ACCOUNTS, namespace: NAME, body: account })
    .catch(() => undefined)
})

afterAll(async () => {
  end.abort()
  await api.call({ verb: 'delete', resource: MUTATING_WEBHOOKS, name: NAME })
  await api.call({ verb: 'delete', resource: NAMESPACES, name: NAME })
  for (const server of servers) await server.close()
})

describe('an authority that is due', () => {
  it('is followed by another one without one admission lost', async () => {
    const store = certificateSecret(api, NAME, 'tls')
    const old = await makeAuthority(new Date(Date.now() - 3000 * DAY_MS), 3650)
    const leaf = await issueServing(old, LEAF_NAMES, new Date(), 90)
    const keys = { 'ca.crt': `${old.certificate}\n`, 'ca.key': old.key }
    await store.create({ ...keys, 'tls.crt': `${leaf.certificate}\n`, 'tls.key': leaf.key })
    const dependencies = {
      service: SERVICE,
      policies: namespacePoliciesFromCluster(api),
      resolvePin: () => Promise.reject(new Error('no pin here')),
      deadlineMs: 4000,
    }
    const onError = (error: unknown) => errors.push(error)
    for (let replica = 0; replica < 2; replica += 1) {
      const server = await startServer({
        port: 0,
        keyPair: undefined,
        log: pino({ level: 'silent' }),
        admissions: { '/mutate': (body) => admit(body, dependencies) },
      })
      servers.push(server)
      const onChange = server.replaceKeyPair.bind(server)
      void followKeyPair({ store, clock: systemClock, onChange, onError }, end.signal)
    }
    const [one, two] = servers as [WebhookServer, WebhookServer]
    const body = configuration(old.certificate, [one.port, two.port])
    await api.call({ verb: 'create', resource: MUTATING_WEBHOOKS, body })
    await eventually(async () => expect(await create(0)).toBe('injected'))

    const load = underLoad()
    const bundles = trustedBundles(api, NAME, NAME)
    const onStep = (step: string) => steps.push(step)
    const rotation = { store, bundles, names: LEAF_NAMES, clock: systemClock, onStep, onError }
    const rotating = new AbortController()
    void keepRotating(rotation, rotating.signal)
    await eventually(() => expect(steps.at(-1)).toBe('new certificate'))
    // Both replicas have looked again by then.
    await systemClock.sleep(10_000)
    const { outcomes, slowestMs } = await load.end()

    const [bundle] = await bundles.read()
    const trusted = [...(bundle?.byWebhook.values() ?? [])].map((pem) => certificatesIn(pem).length)
    expect(trusted).toEqual([2, 2])
    expect(steps).toEqual(['new authority', 'trust', 'new certificate'])
    expect(errors).toEqual([])
    expect(Object.keys(outcomes)).toEqual(['injected'])
    expect(outcomes['injected']).toBeGreaterThan(200)
    rotating.abort()

    // Each change of whom it trusts has the API server connect anew. The old authority alone knows us, too: by the new
    // one as the old one signed it.
    const [next] = certificatesIn((await store.read())?.data['ca.crt'] ?? '')
    for (const alone of [old.certificate, next ?? '']) {
      const [now] = await bundles.read()
      await now?.replace(`${alone}\n`)
      await systemClock.sleep(2000)
      expect(await create(0)).toBe('injected')
    }
    console.log(`admissions during the change: ${outcomes['injected']}, slowest ${slowestMs} ms`)
  })
})

/** Pods one after the other, from four at once, until it is ended. */
function underLoad() {
  const outcomes: Record<string, number> = {}
  const over = new AbortController()
  let slowestMs = 0
  const worker = async () => {
    for (let number = 0; !over.signal.aborted; number += 1) {
      const beganMs = performance.now()
      const outcome = await create(number)
      slowestMs = Math.max(slowestMs, Math.round(performance.now() - beganMs))
      outcomes[outcome] = (outcomes[outcome] ?? 0) + 1
    }
  }
  const workers = [0, 1, 2, 3].map(worker)
  return {
    async end() {
      over.abort()
      await Promise.all(workers)
      return { outcomes, slowestMs }
    },
  }
}

/** What becomes of a pod that declares state; it is not kept. */
async function create(number: number): Promise<string> {
  const { pod } = readCase('deployment-emptydir')
  const { metadata, spec } = pod as { metadata: object; spec: object }
  const named = { ...metadata, name: `pod-${number}`, namespace: NAME, ownerReferences: undefined }
  const body = { apiVersion: 'v1', kind: 'Pod', metadata: named, spec }
  const query = { dryRun: 'All' }
  try {
    const made = (await api.call({
      verb: 'create',
      resource: PODS,
      namespace: NAME,
      query,
      body,
    })) as { spec: { initContainers?: { name: string }[] } }
    const isInjected = made.spec.initContainers?.some(({ name }) => name === 'holdfast')
    return isInjected === true ? 'injected' : 'untouched'
  } catch (error) {
    return String(error)
  }
}

/** Each replica is a webhook of its own, so that either has to answer for each pod. */
function configuration(authority: string, ports: readonly number[]): object {
  const webhooks = ports.map((port) => ({
    name: `port-${port}.holdfast.dev`,
    clientConfig: {
      url: `https://${ADDRESS}:${port}/mutate`,
      caBundle: Buffer.from(`${authority}\n`).toString('base64'),
    },
    admissionReviewVersions: ['v1'],
    sideEffects: 'None',
    timeoutSeconds: 5,
    failurePolicy: 'Fail',
    namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': NAME } },
    rules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['pods'] }],
  }))
  const kind = 'MutatingWebhookConfiguration'
  return { apiVersion: 'admissionregistration.k8s.io/v1', kind, metadata: { name: NAME }, webhooks }
}

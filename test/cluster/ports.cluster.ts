/** The service's ports against a real API server: what they write is what they read, and the second writer is told. */
import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createCertificate } from '../../webhook/certificates/make-certificate.ts'
import type { Lease } from '../../webhook/leader/lease.ts'
import { certificateSecret } from '../../webhook/kubernetes/certificate-secret.ts'
import type { ClusterApi } from '../../webhook/kubernetes/cluster-api.ts'
import { ConflictError } from '../../webhook/kubernetes/cluster-error.ts'
import { connect } from '../../webhook/kubernetes/connect.ts'
import { leaseStore } from '../../webhook/kubernetes/leases.ts'
import { namespacePoliciesFromCluster } from '../../webhook/kubernetes/namespaces.ts'
import {
  LIMIT_RANGES,
  MUTATING_WEBHOOKS,
  NAMESPACES,
  PODS,
  VALIDATING_WEBHOOKS,
} from '../../webhook/kubernetes/resources.ts'
import { trustedBundles } from '../../webhook/kubernetes/trusted-bundles.ts'
import { fitToBounds } from '../../webhook/inject/limit-range.ts'
import { eventually } from './installed.ts'

const NAME = `holdfast-ports-${randomBytes(4).toString('hex')}`
let api: ClusterApi

beforeAll(async () => {
  api = connect(process.env['KUBECONFIG'])
  const body = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAME } }
  await api.call({ verb: 'create', resource: NAMESPACES, body })
})

afterAll(async () => {
  await api.call({ verb: 'delete', resource: NAMESPACES, name: NAME })
  for (const resource of [MUTATING_WEBHOOKS, VALIDATING_WEBHOOKS])
    await api.call({ verb: 'delete', resource, name: NAME })
})

describe('a Namespace', () => {
  it('counts as it is annotated, from the next pod on', async () => {
    const policies = namespacePoliciesFromCluster(api)
    expect(await policies.factsOf(`${NAME}-none`)).toEqual({ restricted: false })
    expect(await policies.factsOf(NAME)).toEqual({ restricted: false })
    for (const within of ['5s', '10s', '20s']) {
      const metadata = {
        annotations: { 'holdfast.dev/policy': `backup: {within: ${within}}` },
        labels: { 'pod-security.kubernetes.io/enforce': 'restricted' },
      }
      const change = { verb: 'patch', resource: NAMESPACES, name: NAME, patch: 'merge' } as const
      await api.call({ ...change, body: { metadata } })
      expect(await policies.factsOf(NAME)).toEqual({
        policy: `backup: {within: ${within}}`,
        restricted: true,
      })
    }
  })
})

describe('LimitRanges', () => {
  it('bound the sidecar as they bound every container, which the API server then takes', async () => {
    const policies = namespacePoliciesFromCluster(api)
    const namespace = `${NAME}-limits`
    const made = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } }
    await api.call({ verb: 'create', resource: NAMESPACES, body: made })
    const limits = [
      {
        type: 'Container',
        min: { memory: '300Mi' },
        max: { cpu: '500m' },
        default: { cpu: '500m' },
        maxLimitRequestRatio: { cpu: '5' },
      },
      { type: 'Pod', max: { cpu: '8' } },
    ]
    const range = {
      apiVersion: 'v1',
      kind: 'LimitRange',
      metadata: { name: 'x' },
      spec: { limits },
    }
    await api.call({ verb: 'create', resource: LIMIT_RANGES, namespace, body: range })
    const { containerBounds = [] } = await policies.factsOf(namespace)
    expect(containerBounds).toEqual([
      {
        of: 'x',
        min: { memory: '300Mi' },
        max: { cpu: '500m' },
        maxLimitRequestRatio: { cpu: '5' },
      },
    ])
    const wanted = {
      requests: { cpu: '20m', memory: '128Mi' },
      limits: { cpu: '1', memory: '256Mi' },
    }
    const create = (resources: object) => {
      const containers = [{ name: 'app', image: 'x', resources }]
      const metadata = { generateName: 'bound-' }
      const body = { apiVersion: 'v1', kind: 'Pod', metadata, spec: { containers } }
      const query = { dryRun: 'All' }
      return api.call({ verb: 'create', resource: PODS, namespace, body, query })
    }
    // The account that pods run by comes a moment after the namespace.
    await eventually(async () => {
      await expect(create(wanted)).rejects.toThrow(/cpu usage per Container|ratio/)
      await create(fitToBounds(wanted, containerBounds))
    })
    await api.call({ verb: 'delete', resource: NAMESPACES, name: namespace })
  })
})

describe('a Lease', () => {
  it('is created, read and replaced, by one at a time', async () => {
    const { signal } = new AbortController()
    const store = leaseStore(api, NAME, 'lease')
    const lease: Lease = {
      holder: 'one',
      durationSeconds: 15,
      acquiredAt: '2026-01-02T03:04:05.000006Z',
      renewedAt: '2026-01-02T03:04:06.000007Z',
      transitions: 0,
      watchedTo: null,
    }
    expect(await store.read(signal)).toBeUndefined()
    const created = await store.create(lease, signal)
    expect(created).toMatchObject(lease)
    await expect(store.create(lease, signal)).rejects.toThrow(ConflictError)
    const left = { ...lease, holder: null, watchedTo: '812' }
    const released = await store.replace(created, left, signal)
    expect(released).toMatchObject({ holder: null, watchedTo: '812' })
    expect(released.resourceVersion).not.toBe(created.resourceVersion)
    await expect(store.replace(created, lease, signal)).rejects.toThrow(ConflictError)
    expect(await store.read(signal)).toEqual(released)
  })
})

describe('the Secret of the certificates', () => {
  it('is created, read and replaced as a whole, by one at a time', async () => {
    const store = certificateSecret(api, NAME, 'certificates')
    expect(await store.read()).toBeUndefined()
    await store.create({ a: 'eins', b: 'zwei' })
    await expect(store.create({})).rejects.toThrow(ConflictError)
    const read = await store.read()
    expect(read?.data).toEqual({ a: 'eins', b: 'zwei' })
    await store.replace(read!, { b: 'drei', c: 'vier' })
    expect((await store.read())?.data).toEqual({ b: 'drei', c: 'vier' })
    await expect(store.replace(read!, {})).rejects.toThrow(ConflictError)
  })
})

describe('our webhook configurations', () => {
  it('get the caBundle of each of their webhooks replaced, and nothing else', async () => {
    const bundles = trustedBundles(api, NAME, NAME)
    expect(await bundles.read()).toEqual([])
    for (const [resource, kind] of [
      [MUTATING_WEBHOOKS, 'MutatingWebhookConfiguration'],
      [VALIDATING_WEBHOOKS, 'ValidatingWebhookConfiguration'],
    ] as const)
      await api.call({ verb: 'create', resource, body: configuration(kind) })
    const [foreign] = await trustedBundles(api, NAME, 'elsewhere').read()
    expect(foreign?.byWebhook.size).toBe(0)
    const [first, second] = await bundles.read()
    expect([...first!.byWebhook]).toEqual([
      ['one.holdfast.dev', ''],
      ['two.holdfast.dev', ''],
    ])
    await first!.replace(PEM)
    await expect(first!.replace(PEM)).rejects.toThrow(ConflictError)
    await second!.replace(PEM)
    for (const { byWebhook } of await bundles.read())
      expect([...byWebhook.values()]).toEqual([PEM, PEM])
    const object = await api.call({ verb: 'get', resource: MUTATING_WEBHOOKS, name: NAME })
    expect(object).toMatchObject({
      webhooks: [{ timeoutSeconds: 4, clientConfig: { service: { path: '/mutate' } } }, {}],
    })
  })
})

function configuration(kind: string): object {
  const service = { namespace: NAME, name: 'holdfast-webhook', path: '/mutate' }
  const webhooks = ['one.holdfast.dev', 'two.holdfast.dev'].map((name) => ({
    name,
    clientConfig: { service },
    admissionReviewVersions: ['v1'],
    sideEffects: 'None',
    timeoutSeconds: 4,
    failurePolicy: 'Ignore',
    namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': NAME } },
    rules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['pods'] }],
  }))
  return { apiVersion: 'admissionregistration.k8s.io/v1', kind, metadata: { name: NAME }, webhooks }
}

const PEM = (await createCertificate(['shop'])).authority

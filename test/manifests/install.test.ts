import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { parseDefaults } from '../../shared/declaration/policy.ts'
import { readConfig } from '../../webhook/config.ts'
import { TROUBLES } from '../../webhook/controller/reasons.ts'
import { runTool } from '../support/cluster-tools.ts'
import { serviceMetrics } from '../support/service-metrics.ts'
import {
  BASE,
  CHART,
  MANIFESTS,
  manifestsOf,
  renderBase,
  renderChart,
  type Manifest,
} from './chart.ts'

/** With these no variable is left out. */
const ALL_SETTINGS = {
  'certificates.by': 'cert-manager',
  'store.url': 's3://backup/prod',
  'store.endpoint': 'https://s3.example.com:9000',
  'store.region': 'eu-central-1',
  defaults: { keep: { daily: 30 } },
}

let rendered: Manifest[]

beforeAll(() => {
  rendered = manifestsOf(renderChart())
})

function the(kind: string, among: readonly Manifest[] = rendered): Manifest {
  const found = among.filter((manifest) => manifest.kind === kind)
  expect(found).toHaveLength(1)
  return found[0]
}

function byName(manifests: readonly Manifest[]): Record<string, Manifest> {
  const entries = manifests.map((each): [string, Manifest] => [
    `${each.kind} ${each.metadata.name}`,
    each,
  ])
  return Object.fromEntries(entries.toSorted(([a], [b]) => (a < b ? -1 : 1)))
}

function container(manifests: readonly Manifest[] = rendered): Manifest {
  return the('Deployment', manifests).spec.template.spec.containers[0]
}

function environment(manifests?: readonly Manifest[]): Record<string, string | undefined> {
  const variables = container(manifests).env as { name: string; value?: string }[]
  return Object.fromEntries(variables.map(({ name, value }) => [name, value]))
}

describe('the two ways to install', () => {
  it('are the same objects', () => {
    const kustomized = manifestsOf(runTool('kubectl', 'kustomize', MANIFESTS))
    const charted = manifestsOf(renderChart({ createNamespace: true }))
    expect(byName(kustomized)).toEqual(byName(charted))
  })

  it('have one source: manifests/base is what the chart renders (else run test/manifests/regenerate-base.ts)', () => {
    const committed = readdirSync(BASE).map((name): [string, string] => [
      name,
      readFileSync(join(BASE, name), 'utf8'),
    ])
    expect(Object.fromEntries(committed)).toEqual(Object.fromEntries(renderBase()))
  })

  it('can be overlaid: one image for service and sidecar', () => {
    const overlay = manifestsOf(
      runTool('kubectl', 'kustomize', join(MANIFESTS, 'examples/kustomize')),
    )
    expect(container(overlay).image).toBe('registry.example/holdfast:0.1.0')
    expect(environment(overlay)).toMatchObject({
      HOLDFAST_IMAGE: 'registry.example/holdfast:0.1.0',
      HOLDFAST_STORE: 's3://backup/prod',
    })
    expect(parseDefaults(environment(overlay).HOLDFAST_DEFAULTS).ok).toBe(true)
  })
})

describe('the settings of the Deployment', () => {
  // By the kubelet: these have no value in the manifest.
  const kubelet = { HOLDFAST_NAMESPACE: 'holdfast-system', HOLDFAST_POD_NAME: 'holdfast-webhook-x' }
  const inCluster = { ...kubelet, KUBERNETES_SERVICE_HOST: '10.96.0.1' }

  it.each([
    [{}, 'self'],
    [{ 'certificates.by': 'cert-manager' }, 'files'],
  ])('are read by the service: %j', (values, by) => {
    const config = readConfig({ ...environment(manifestsOf(renderChart(values))), ...inCluster })
    expect(config).toMatchObject({
      certificates: { by },
      serviceUrl: 'https://holdfast-webhook.holdfast-system.svc',
      podName: kubelet.HOLDFAST_POD_NAME,
      service: { image: 'localhost/holdfast:0.1.0', ownNamespace: 'holdfast-system' },
    })
  })

  it('are none that it does not read', () => {
    const text = readFileSync(join(MANIFESTS, '../webhook/config.ts'), 'utf8')
    const names = Object.keys(environment(manifestsOf(renderChart(ALL_SETTINGS))))
    expect(names.length).toBeGreaterThan(12)
    expect(names.filter((name) => !text.includes(`'${name}'`))).toEqual([])
  })
})

describe('the rights of the service', () => {
  const text = readFileSync(join(CHART, 'templates/rbac.yaml'), 'utf8')

  it('are each justified in a comment', () => {
    const lines = text.split('\n').map((line) => line.trim())
    const verbs = lines.flatMap((line, at) => (/^- [a-z]+$/.test(line) ? [at] : []))
    expect(verbs.length).toBeGreaterThan(20)
    const bare = verbs.filter((at) => !(lines[at - 1] ?? '').startsWith('# '))
    expect(bare.map((at) => lines[at])).toEqual([])
    // Not in any other form, which the lines above would not see.
    expect(text).not.toMatch(/verbs: *\S/)
  })

  it('hold no wildcard, no Secret of others, and nothing that runs in a pod', () => {
    const roles = rendered.filter(({ kind }) => kind === 'Role' || kind === 'ClusterRole')
    const bound = roles.filter(({ metadata }) => metadata.name === 'holdfast-webhook')
    const rules = bound.flatMap((role) => role.rules as Manifest[])
    const all = rules.flatMap((rule) => [...rule.apiGroups, ...rule.resources, ...rule.verbs])
    expect(all).not.toContain('*')
    expect(all).not.toContain('pods/exec')
    const cluster = the('ClusterRole', bound)
    expect(cluster.rules.flatMap((rule: Manifest) => rule.resources)).not.toContain('secrets')
    const secrets = rules.filter((rule) => rule.resources.includes('secrets'))
    for (const { verbs, resourceNames } of secrets)
      expect(resourceNames ?? verbs).toEqual(resourceNames ? ['holdfast-webhook-tls'] : ['create'])
  })

  it('reach neither Secrets nor webhook configurations where cert-manager keeps the certificates', () => {
    const manifests = manifestsOf(renderChart({ 'certificates.by': 'cert-manager' }))
    const roles = manifests.filter(({ kind }) => kind === 'Role' || kind === 'ClusterRole')
    const resources = roles.flatMap((role) =>
      role.rules.flatMap((rule: Manifest) => rule.resources),
    )
    expect(resources).not.toContain('secrets')
    expect(resources).not.toContain('mutatingwebhookconfigurations')
    expect(the('Certificate', manifests).spec.secretName).toBe('holdfast-webhook-tls')
    for (const kind of ['MutatingWebhookConfiguration', 'ValidatingWebhookConfiguration'])
      expect(the(kind, manifests).metadata.annotations).toEqual({
        'cert-manager.io/inject-ca-from': 'holdfast-system/holdfast-webhook',
      })
    expect(container(manifests).volumeMounts[0].mountPath).toBe('/etc/holdfast/tls')
  })
})

describe('the webhooks', () => {
  it('hold up nothing but pods that ask for Holdfast, and these for seconds', () => {
    const all = [the('MutatingWebhookConfiguration'), the('ValidatingWebhookConfiguration')]
    const webhooks = all.flatMap((each) => each.webhooks as Manifest[])
    const failing = webhooks.filter(({ failurePolicy }) => failurePolicy === 'Fail')
    expect(failing.map(({ name }) => name)).toEqual(['pods.holdfast.dev'])
    expect(failing[0].rules).toEqual([
      {
        apiGroups: [''],
        apiVersions: ['v1'],
        resources: ['pods'],
        operations: ['CREATE'],
        scope: 'Namespaced',
      },
    ])
    for (const webhook of webhooks) {
      expect(webhook).toMatchObject({ sideEffects: 'None', admissionReviewVersions: ['v1'] })
      expect(webhook.timeoutSeconds).toBeLessThanOrEqual(5)
      expect(webhook.matchConditions.length).toBeGreaterThan(0)
      expect(webhook.namespaceSelector.matchExpressions[0].values).toEqual([
        'kube-system',
        'kube-node-lease',
        'holdfast-system',
      ])
      // Whoever applies this again must not take away what the service wrote.
      expect(webhook.clientConfig).not.toHaveProperty('caBundle')
    }
  })
})

describe('the values', () => {
  it('are where a cluster admin looks for them', () => {
    const values = {
      replicas: 3,
      'image.digest': `sha256:${'0'.repeat(64)}`,
      priorityClassName: 'system-cluster-critical',
      tolerations: [{ key: 'infra', operator: 'Exists' }],
      nodeSelector: { disk: 'fast' },
      affinity: { nodeAffinity: {} },
      podAnnotations: { note: 'ours' },
      'store.url': 's3://backup/prod',
      'store.endpoint': 'https://s3.example.com:9000',
      'store.region': 'eu-central-1',
      defaults: { backup: { within: '10s' }, keep: { daily: 30 } },
      'serviceAccount.annotations': { 'eks.amazonaws.com/role-arn': 'arn:aws:iam::1:role/x' },
      podDisruptionBudget: false,
      networkPolicy: false,
    }
    const manifests = manifestsOf(renderChart(values))
    const { replicas, template } = the('Deployment', manifests).spec
    const { priorityClassName, tolerations, nodeSelector, affinity } = template.spec
    expect({ replicas, priorityClassName, tolerations, nodeSelector, affinity }).toEqual({
      replicas: 3,
      priorityClassName: values.priorityClassName,
      tolerations: values.tolerations,
      nodeSelector: values.nodeSelector,
      affinity: values.affinity,
    })
    expect(template.metadata.annotations).toEqual(values.podAnnotations)
    expect(environment(manifests)).toMatchObject({
      HOLDFAST_IMAGE: `localhost/holdfast@sha256:${'0'.repeat(64)}`,
      HOLDFAST_STORE: 's3://backup/prod',
      AWS_ENDPOINT_URL_S3: 'https://s3.example.com:9000',
      AWS_REGION: 'eu-central-1',
    })
    const defaults = parseDefaults(environment(manifests).HOLDFAST_DEFAULTS)
    expect(defaults).toMatchObject({ ok: true })
    expect(the('ServiceAccount', manifests).metadata.annotations).toEqual(
      values['serviceAccount.annotations'],
    )
    const kinds = manifests.map(({ kind }) => kind)
    expect(kinds).not.toContain('PodDisruptionBudget')
    expect(kinds).not.toContain('NetworkPolicy')
  })

  it.each([
    ['replicas', 0, /replicas/],
    ['storeUrl', 's3://b/x', /storeUrl/],
    ['store.url', 'backup/prod', /store/],
    ['webhook.timeoutSeconds', 30, /timeoutSeconds/],
    ['webhook.failurePolicy', 'Sometimes', /failurePolicy/],
    ['certificates.by', 'hand', /certificates/],
    ['defaults.backup', { every: '5s' }, /every/],
  ])('are refused where they are wrong: %s = %j', (name, value, reason) => {
    expect(() => renderChart({ [name]: value })).toThrow(reason)
  })

  it('bring alerts over metrics that there are', async () => {
    const manifests = manifestsOf(
      renderChart({ 'prometheusRule.enabled': true, 'serviceMonitor.enabled': true }),
    )
    const rules = the('PrometheusRule', manifests).spec.groups[0].rules as { expr: string }[]
    const named = rules.flatMap(({ expr }) => expr.match(/holdfast_\w+/g) ?? [])
    expect(named.length).toBeGreaterThan(1)
    expect(await serviceMetrics()).toEqual(expect.arrayContaining(named))
    const counted = rules.flatMap(
      ({ expr }) => /reason=~"([^"]*)"/.exec(expr)?.[1]?.split('|') ?? [],
    )
    expect(counted.toSorted()).toEqual([...TROUBLES, 'NotInjected'].toSorted())
    expect(the('ServiceMonitor', manifests).spec.endpoints[0].path).toBe('/metrics')
  })
})

it('Helm itself finds no fault with the chart', () => {
  expect(runTool('helm', 'lint', '--strict', CHART)).toContain('0 chart(s) failed')
})

/** Both ways to install, judged by a real API server. No pod of the service need run for that. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { CHART, MANIFESTS, type Manifest } from '../manifests/chart.ts'
import { runTool, tryTool } from '../support/cluster-tools.ts'
import { eventually, kubectl, uninstall } from './installed.ts'

const OURS = ['-n', 'holdfast-system', '-l', 'app.kubernetes.io/name=holdfast', '-o', 'name']
const KINDS = 'deployment,mutatingwebhookconfiguration,validatingadmissionpolicy,clusterrole'

const read = (...words: string[]): Manifest => JSON.parse(kubectl('get', ...words, '-o', 'json'))
const ours = () =>
  kubectl('get', KINDS, ...OURS)
    .split('\n')
    .filter(Boolean)

beforeAll(() => {
  uninstall() // what another file may have left is rolled out at first
  kubectl('apply', '-k', MANIFESTS)
})

afterAll(() => {
  uninstall()
})

describe('the kustomize base', () => {
  it('is, once it is there, what it was applied as', () => {
    expect(kubectl('diff', '-k', MANIFESTS)).toBe('')
  })

  it('makes pods that the restricted standard admits', async () => {
    const { metadata } = read('namespace', 'holdfast-system')
    expect(metadata.labels['pod-security.kubernetes.io/enforce']).toBe('restricted')
    await eventually(() => {
      const { status } = read('-n', 'holdfast-system', 'deployment', 'holdfast-webhook')
      const failed = status.conditions?.find((each: Manifest) => each.type === 'ReplicaFailure')
      expect(failed?.message).toBeUndefined()
      expect(status.replicas).toBe(2)
    })
  })

  it.each(['holdfast-surge', 'holdfast-own-account'])(
    'has no expression in %s that the API server warns of',
    async (name) => {
      await eventually(() => {
        const { metadata, status } = read('validatingadmissionpolicy', name)
        expect(status?.observedGeneration).toBe(metadata.generation)
        expect(status.typeChecking?.expressionWarnings ?? []).toEqual([])
      })
    },
  )

  it('leaves the caBundle alone that somebody wrote, when it is applied again', () => {
    const configuration = ['mutatingwebhookconfiguration', 'holdfast-webhook']
    const caBundle = read('configmap', 'kube-root-ca.crt', '-n', 'default').data['ca.crt']
    const encoded = Buffer.from(caBundle as string).toString('base64')
    const bundles = () => {
      const webhooks = read(...configuration).webhooks as Manifest[]
      return webhooks.map((webhook) => webhook.clientConfig.caBundle)
    }
    const webhooks = read(...configuration).webhooks.map(({ name }: Manifest) => ({
      name,
      clientConfig: { caBundle: encoded },
    }))
    kubectl('patch', ...configuration, '--type=strategic', '-p', JSON.stringify({ webhooks }))
    kubectl('apply', '-k', MANIFESTS)
    expect(bundles()).toEqual([encoded, encoded])
  })
})

describe('the chart', () => {
  it('is, to the API server, the same', () => {
    const values = ['--set', 'createNamespace=true', '-n', 'holdfast-system']
    const rendered = runTool('helm', 'template', 'holdfast', CHART, ...values)
    const { stdout, stderr } = tryTool('kubectl', ['diff', '-f', '-'], rendered)
    expect(stdout + stderr).toBe('')
  })

  it('installs, upgrades, and takes away all that it brought', () => {
    kubectl('delete', '-k', MANIFESTS, '--wait')
    const release = ['holdfast', CHART, '-n', 'holdfast-system']
    runTool('helm', 'install', ...release, '--create-namespace')
    expect(ours()).toContain('deployment.apps/holdfast-webhook')
    runTool('helm', 'upgrade', ...release, '--set', 'replicas=3', '--set', 'surgePolicy=false')
    expect(ours().some((name) => name.endsWith('/holdfast-surge'))).toBe(false)
    expect(read('-n', 'holdfast-system', 'deployment', 'holdfast-webhook').spec.replicas).toBe(3)
    runTool('helm', 'uninstall', 'holdfast', '-n', 'holdfast-system', '--wait')
    expect(ours()).toEqual([])
  })
})

/** Two pods of one Deployment at once would write two histories: refused by the API server itself, without the service. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  DRY,
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
const surging = { strategy: undefined }
const plain = { template: template({}) }

const policyCounts = () =>
  eventually(() => {
    expect(refusal(deployment('probe', namespace, surging), ...DRY)).toContain('surges')
  })

beforeAll(async () => {
  installWithoutReplicas()
  namespace = newNamespace()
  await policyCounts()
})

afterAll(() => {
  uninstall(namespace)
})

describe('a Deployment that declares state', () => {
  it.each([
    ['Recreate', { type: 'Recreate' }],
    ['maxSurge 0', { rollingUpdate: { maxSurge: 0, maxUnavailable: 1 } }],
    ['maxSurge 0%', { rollingUpdate: { maxSurge: '0%', maxUnavailable: 1 } }],
  ])('is taken with %s', (_name, strategy) => {
    expect(refusal(deployment('calm', namespace, { strategy }), ...DRY)).toBeUndefined()
  })

  it.each([
    ['says nothing of it', undefined, '25%'],
    ['says maxSurge 1', { rollingUpdate: { maxSurge: 1 } }, '1'],
    ['says maxSurge 10%', { rollingUpdate: { maxSurge: '10%' } }, '10%'],
  ])('is refused where it surges (it %s), with the way out', (_name, strategy, surge) => {
    const said = refusal(deployment('shop', namespace, { strategy }), ...DRY)
    expect(said).toContain(
      `Deployment shop declares holdfast.dev/state and surges (strategy RollingUpdate, maxSurge ${surge})`,
    )
    expect(said).toContain('set strategy.type: Recreate, or strategy.rollingUpdate.maxSurge: 0')
  })

  it('that was there before the policy can be annotated, scaled and deleted, but not rolled', async () => {
    kubectl('delete', 'validatingadmissionpolicybinding', 'holdfast-surge')
    await eventually(() => {
      expect(refusal(deployment('old', namespace, surging))).toBeUndefined()
    })
    installWithoutReplicas()
    await policyCounts()
    const old = ['-n', namespace]
    kubectl(...old, 'annotate', 'deployment', 'old', 'note=x')
    kubectl(...old, 'scale', 'deployment', 'old', '--replicas=1')
    kubectl(...old, 'scale', 'deployment', 'old', '--replicas=0')
    const rolled = () => kubectl(...old, 'set', 'image', 'deployment/old', 'app=localhost/app:2')
    expect(rolled).toThrow('surges')
    kubectl(...old, 'delete', 'deployment', 'old', '--cascade=foreground', '--timeout=60s')
  })
})

it('a Deployment that declares none surges as it likes', () => {
  expect(refusal(deployment('any', namespace, { ...surging, ...plain }), ...DRY)).toBeUndefined()
})

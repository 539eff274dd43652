/** The service's own account, held to what it is for: by RBAC, and where that is too coarse by an admission policy. */
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { request } from 'node:https'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Manifest } from '../manifests/chart.ts'
import { tryTool } from '../support/cluster-tools.ts'
import {
  eventually,
  installWithoutReplicas,
  kubectl,
  newNamespace,
  refusal,
  template,
  uninstall,
} from './installed.ts'

const ACCOUNT = ['holdfast-webhook', '-n', 'holdfast-system']
const AS = ['--as', 'system:serviceaccount:holdfast-system:holdfast-webhook']
let namespace: string
let patchAsAccount: (path: string, patch: object) => Promise<string | undefined>

/** Patches as the service does: with the account's own token, and without reading first. */
function patcher(): typeof patchAsAccount {
  const { clusters }: Manifest = JSON.parse(
    kubectl('config', 'view', '--raw', '--minify', '--flatten', '-o', 'json'),
  )
  const { server, 'certificate-authority-data': authority } = clusters[0].cluster
  const headers = {
    authorization: `Bearer ${kubectl('create', 'token', ...ACCOUNT).trim()}`,
    'content-type': 'application/strategic-merge-patch+json',
  }
  const ca = Buffer.from(authority as string, 'base64')
  return async (path, patch) => {
    const sent = request(new URL(path, server as string), { method: 'PATCH', headers, ca })
    sent.end(JSON.stringify(patch))
    const [response] = (await once(sent, 'response')) as [IncomingMessage]
    const said = await text(response)
    return response.statusCode === 200 ? undefined : said
  }
}

/** What is said against a change of the pod by the service's account; undefined where it is made. */
const change = (patch: object) =>
  patchAsAccount(`/api/v1/namespaces/${namespace}/pods/app/status`, patch)
const changeStatus = (status: object) => change({ status })
const may = (...words: string[]) =>
  tryTool('kubectl', ['auth', 'can-i', ...AS, ...words]).status === 0

beforeAll(async () => {
  installWithoutReplicas()
  namespace = newNamespace()
  const metadata = { name: 'app', namespace, labels: { app: 'x' }, annotations: { note: 'x' } }
  const spec = { ...template().spec, nodeSelector: { nowhere: 'x' } }
  await eventually(() => {
    expect(refusal({ apiVersion: 'v1', kind: 'Pod', metadata, spec })).toBeUndefined()
  })
  patchAsAccount = patcher()
  await eventually(async () => {
    // Not made, so that it is a change each time.
    const probe = { metadata: { labels: { app: 'y' } } }
    const path = `/api/v1/namespaces/${namespace}/pods/app/status?dryRun=All`
    expect(await patchAsAccount(path, probe)).toContain('neither')
  })
})

afterAll(() => {
  uninstall(namespace)
})

describe('it', () => {
  it('writes its annotations and its condition', async () => {
    const annotations = { 'holdfast.dev/last-version': 'v43', 'holdfast.dev/slot': '0' }
    expect(await change({ metadata: { annotations } })).toBeUndefined()
    expect(
      await change({ metadata: { annotations: { 'holdfast.dev/slot': null } } }),
    ).toBeUndefined()
    const condition = { type: 'holdfast.dev/Protected', status: 'True', reason: 'Protected' }
    expect(await changeStatus({ conditions: [condition] })).toBeUndefined()
    const pod: Manifest = JSON.parse(kubectl('-n', namespace, 'get', 'pod', 'app', '-o', 'json'))
    const { annotations: written } = pod.metadata
    expect(written).toMatchObject({ note: 'x', 'holdfast.dev/last-version': 'v43' })
    expect(written).not.toHaveProperty('holdfast.dev/slot')
    expect(pod.status.conditions).toContainEqual(expect.objectContaining(condition))
  })

  it.each([
    ['a label', { metadata: { labels: { app: 'y' } } }, 'neither labels'],
    ['a finalizer', { metadata: { finalizers: ['evil.example/x'] } }, 'neither labels'],
    ['a foreign annotation', { metadata: { annotations: { note: 'y' } } }, 'no other annotations'],
    ['one taken off', { metadata: { annotations: { note: null } } }, 'no other annotations'],
    [
      'what is asked',
      { metadata: { annotations: { 'holdfast.dev/backup': 'x' } } },
      'no other annotations',
    ],
  ])('may not change %s', async (_name, patch, reason) => {
    expect(await change(patch)).toContain(reason)
  })

  it('cannot change what a pod runs', async () => {
    const spec = { containers: [{ name: 'app', image: 'localhost/evil:1' }] }
    const pod = `/api/v1/namespaces/${namespace}/pods/app`
    expect(await patchAsAccount(pod, { spec })).toContain('cannot patch resource')
    await change({ spec })
    const after: Manifest = JSON.parse(kubectl('-n', namespace, 'get', 'pod', 'app', '-o', 'json'))
    expect(after.spec.containers[0].image).toBe('localhost/app:1')
  })

  it.each([
    ['a phase', { phase: 'Failed' }],
    ['readiness', { conditions: [{ type: 'Ready', status: 'True' }] }],
    [
      'a container’s state',
      {
        containerStatuses: [
          { name: 'app', image: 'x', imageID: 'x', ready: true, restartCount: 0 },
        ],
      },
    ],
  ])('may not claim %s', async (_name, status) => {
    expect(await changeStatus(status)).toContain('no other part of a pod')
  })

  it.each([
    'get pods',
    'patch pods --subresource=status',
    'create events.events.k8s.io',
    'get namespaces',
  ])('may %s everywhere', (words) => {
    expect(may('-n', namespace, ...words.split(' '))).toBe(true)
  })

  it.each([
    'create pods',
    'patch pods',
    'delete pods',
    'update pods',
    'get secrets',
    'create pods --subresource=exec',
    'patch pods --subresource=ephemeralcontainers',
    'patch pods --subresource=resize',
    'create pods --subresource=eviction',
    'patch deployments.apps',
    'patch namespaces',
    'create rolebindings.rbac.authorization.k8s.io',
  ])('may not %s', (words) => {
    expect(may('-n', namespace, ...words.split(' '))).toBe(false)
  })

  it('reads one Secret of its own namespace', () => {
    expect(may('-n', 'holdfast-system', 'get', 'secrets/holdfast-webhook-tls')).toBe(true)
    expect(may('-n', 'holdfast-system', 'get', 'secrets/holdfast-s3')).toBe(false)
    expect(may('-n', 'holdfast-system', 'list', 'secrets')).toBe(false)
  })
})

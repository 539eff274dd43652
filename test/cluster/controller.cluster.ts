/** The controller's ports against a real API server: whose token it is, one write for condition and annotations, Events once. */
import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { systemClock } from '../../shared/clock.ts'
import { SERVICE_AUDIENCE } from '../../shared/service-contract.ts'
import { KEY } from '../../shared/sidecar-contract.ts'
import { conditionOf } from '../../webhook/controller/condition.ts'
import { podStateOf } from '../../webhook/controller/agents-api.ts'
import type { PodRef } from '../../webhook/controller/pod-facts.ts'
import type { PodChange } from '../../webhook/controller/pod-feed.ts'
import type { ClusterApi } from '../../webhook/kubernetes/cluster-api.ts'
import { ConflictError, MissingObjectError } from '../../webhook/kubernetes/cluster-error.ts'
import { connect } from '../../webhook/kubernetes/connect.ts'
import { eventsOfCluster } from '../../webhook/kubernetes/events.ts'
import { podFeed } from '../../webhook/kubernetes/pod-feed.ts'
import { podsOfCluster } from '../../webhook/kubernetes/pods.ts'
import { EVENTS, NAMESPACES, PODS } from '../../webhook/kubernetes/resources.ts'
import { tokenReviewer } from '../../webhook/kubernetes/token-reviews.ts'
import { report } from '../webhook/controller/reports.ts'
import { eventually, uninstall } from './installed.ts'

const NAMESPACE = `holdfast-controller-${randomBytes(4).toString('hex')}`
const ACCOUNTS = { group: '', version: 'v1', plural: 'serviceaccounts' }
let api: ClusterApi

beforeAll(async () => {
  uninstall() // another file may have left it there, and it has a word in what becomes of pods
  api = connect(process.env['KUBECONFIG'])
  const metadata = { name: NAMESPACE }
  const body = { apiVersion: 'v1', kind: 'Namespace', metadata }
  await api.call({ verb: 'create', resource: NAMESPACES, body })
  const account = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'shop' } }
  await api.call({ verb: 'create', resource: ACCOUNTS, namespace: NAMESPACE, body: account })
})

afterAll(async () => {
  await api.call({ verb: 'delete', resource: NAMESPACES, name: NAMESPACE })
})

/** A pod that no kubelet takes up; the scheduler has said so, and will not write to it again soon. */
async function createPod(name: string, annotations = {}): Promise<PodRef> {
  const body = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, annotations },
    spec: {
      serviceAccountName: 'shop',
      automountServiceAccountToken: false,
      nodeSelector: { nowhere: 'x' },
      containers: [{ name: 'app', image: 'localhost/app:1' }],
    },
  }
  const made = await api.call({ verb: 'create', resource: PODS, namespace: NAMESPACE, body })
  const { uid } = (made as { metadata: { uid: string } }).metadata
  const target = { resource: PODS, namespace: NAMESPACE, name }
  await eventually(async () => {
    const pod = await api.call({ verb: 'get', ...target })
    expect(pod).toMatchObject({ status: { conditions: [{ type: 'PodScheduled' }] } })
  })
  return { namespace: NAMESPACE, name, uid }
}

async function deletePod({ name }: PodRef): Promise<void> {
  const query = { gracePeriodSeconds: '0' }
  await api.call({ verb: 'delete', resource: PODS, namespace: NAMESPACE, name, query })
}

/** As the kubelet has it made for a projected volume. */
async function tokenOf(pod: PodRef | null, audience: string): Promise<string> {
  const boundObjectRef = pod && { apiVersion: 'v1', kind: 'Pod', name: pod.name, uid: pod.uid }
  const spec = { audiences: [audience], expirationSeconds: 3600, boundObjectRef }
  const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec }
  const target = { resource: ACCOUNTS, namespace: NAMESPACE, name: 'shop', subresource: 'token' }
  const answer = await api.call({ verb: 'create', ...target, body })
  return (answer as { status: { token: string } }).status.token
}

describe('a token', () => {
  it('says which pod asks, for as long as the pod is there', async () => {
    const review = tokenReviewer(api)
    const pod = await createPod('token')
    const token = await tokenOf(pod, SERVICE_AUDIENCE)
    expect(await review(token)).toEqual(pod)
    await deletePod(pod)
    // The API server believes a token for ten seconds itself.
    await eventually(async () => expect(await review(token)).toBeUndefined())
  })

  it('for another audience, of no pod, or changed says nothing', async () => {
    const review = tokenReviewer(api)
    const pod = await createPod('other-token')
    expect(await review(await tokenOf(pod, 'https://kubernetes.default.svc'))).toBeUndefined()
    expect(await review(await tokenOf(null, SERVICE_AUDIENCE))).toBeUndefined()
    const token = await tokenOf(pod, SERVICE_AUDIENCE)
    expect(await review(`${token.slice(0, -4)}AAAA`)).toBeUndefined()
    expect(await review('no token')).toBeUndefined()
  })
})

describe('a pod', () => {
  it('gets condition and annotations by one write, beside what others wrote', async () => {
    const pods = podsOfCluster(api)
    const ref = await createPod('written', { note: 'x', [KEY.state]: '/data' })
    const before = (await pods.read(NAMESPACE, 'written'))!
    expect(before).toMatchObject({ ...ref, declares: true, condition: null, admitted: null })
    const heard = { report: report(), at: new Date() }
    const condition = conditionOf(heard, 5000, null)
    const marks = { [KEY.slot]: '0', [KEY.lastVersion]: 'v43' }
    await pods.write(before, { condition, marks })
    const after = (await pods.read(NAMESPACE, 'written'))!
    expect(after).toMatchObject({ condition, marks })
    const object = await api.call({
      verb: 'get',
      resource: PODS,
      namespace: NAMESPACE,
      name: 'written',
    })
    expect(object).toMatchObject({ metadata: { annotations: { note: 'x' } } })
    expect((object as { status: { conditions: unknown[] } }).status.conditions.length).toBe(2)
    await expect(pods.write(before, { condition, marks })).rejects.toThrow(ConflictError)
    await deletePod(ref)
    await expect(pods.write(after, { condition, marks })).rejects.toThrow(MissingObjectError)
    await createPod('written')
    await expect(pods.write(after, { condition, marks })).rejects.toThrow(ConflictError)
  })

  it('is alive, and gone once another has its name', async () => {
    const pods = podsOfCluster(api)
    const pod = await createPod('asked')
    const stateOf = () => podStateOf(pods, NAMESPACE, 'asked', pod.uid)
    expect(await stateOf()).toBe('alive')
    await deletePod(pod)
    expect(await stateOf()).toBe('gone')
    await createPod('asked')
    expect(await stateOf()).toBe('gone')
  })
})

describe('the watch', () => {
  it('begins with all pods in pages, goes on from there, and begins anew where that is forgotten', async () => {
    const stop = new AbortController()
    const errors: unknown[] = []
    const seen: string[] = []
    const feed = podFeed(hurried(api), systemClock)
    const follow = async () => {
      for await (const change of feed.follow(stop.signal, (error) => errors.push(error)))
        seen.push(wordsOf(change))
    }
    const names = ['watched-0', 'watched-1', 'watched-2']
    const annotations = { [KEY.state]: '/data' }
    const pods: PodRef[] = []
    for (const name of names) pods.push(await createPod(name, annotations))
    await createPod('not-watched')
    const following = follow()
    const all = `all ${names.join(',')}`
    // A young API server may have forgotten nothing: then the watch repeats all that it knows, of other tests, too.
    const isReplayed = () => seen.some((one) => one.startsWith('is watched'))
    const lists = () => seen.filter((one) => one === all).length
    await eventually(() => expect(lists() === 2 || isReplayed()).toBe(true))
    const begins = Array.from({ length: lists() }, () => all)
    for (const [index, pod] of pods.entries()) {
      await deletePod(pod)
      await eventually(() => expect(seen).toContain(`gone watched-${index}`))
      // Until the API server has ended the watch under it.
      await systemClock.sleep(1500)
    }
    expect(seen.filter((one) => /^all|^gone watched/.test(one))).toEqual([
      ...begins,
      ...names.map((name) => `gone ${name}`),
    ])
    expect(seen.join()).not.toContain('not-watched')
    stop.abort()
    await following
    expect(errors).toEqual([])
  })
})

function wordsOf(change: PodChange): string {
  if (change.kind === 'reached') return 'reached'
  if (change.kind !== 'all') return `${change.kind} ${change.pod.name}`
  const ours = change.pods.filter(
    ({ namespace, name }) => namespace === NAMESPACE && name.startsWith('watched'),
  )
  return `all ${ours.map(({ name }) => name).join(',')}`
}

/** The API server with the smallest pages, and watches that it ends after a second; the first begins before all it remembers. */
function hurried(real: ClusterApi): ClusterApi {
  let watches = 0
  return {
    call: (call) =>
      real.call(call.verb === 'list' ? { ...call, query: { ...call.query, limit: '1' } } : call),
    watch(call) {
      watches += 1
      const query = { ...call.query, timeoutSeconds: '1' }
      return real.watch({
        ...call,
        query: watches > 1 ? query : { ...query, resourceVersion: '1' },
      })
    },
  }
}

describe('an Event', () => {
  it('is told once, however many replicas tell it', async () => {
    const pod = await createPod('told')
    const told = {
      type: 'Warning',
      reason: 'Partial',
      action: 'Replicate',
      note: 'v43 lacks what could not be read',
      once: 'a',
    } as const
    for (const replica of ['one', 'two'])
      await eventsOfCluster(api, replica, () => new Date()).tell({ pod, owner: null }, told)
    const owner = { apiVersion: 'apps/v1', kind: 'StatefulSet', name: 'shop', uid: pod.uid }
    const events = eventsOfCluster(api, 'one', () => new Date())
    await events.tell({ pod, owner }, { ...told, once: 'b' })
    const { items } = (await api.call({
      verb: 'list',
      resource: EVENTS,
      namespace: NAMESPACE,
    })) as { items: object[] }
    const ours = items.filter(
      (one) => 'reportingController' in one && one.reportingController === 'holdfast.dev/webhook',
    )
    expect(ours).toHaveLength(2)
    expect(ours).toContainEqual(
      expect.objectContaining({
        reason: 'Partial',
        regarding: expect.objectContaining({ kind: 'Pod', name: 'told', uid: pod.uid }),
      }),
    )
  })
})

/** What POST /stamp and POST /check answer, over HTTPS, and what they do where something cannot be known. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { HoldfastError } from '../../../shared/errors.ts'
import { checkWorkload, type CheckDependencies } from '../../../webhook/admission/check-workload.ts'
import { stampWorkload } from '../../../webhook/admission/stamp-workload.ts'
import {
  patchOf,
  patched,
  readWorkloadCase,
  responseOf,
  STAMP_CLOCK,
  workloadReview,
} from '../../golden/workload-case.ts'
import { dependencies, NO_PODS, RunningWebhook } from '../serve/running-webhook.ts'

let webhook: RunningWebhook

beforeAll(async () => {
  webhook = await RunningWebhook.start()
})
afterAll(() => webhook.server.close())

const UNTOUCHED = { uid: '705ab4f5-6393-11e8-b7cc-42010a800002', allowed: true }
const reviewOf = (name: string, request: object = {}) => {
  const { object, before } = readWorkloadCase(name)
  return workloadReview(object, before, request)
}

describe('POST /stamp and POST /check', () => {
  it('stamp, deny and warn as the API server understands it', async () => {
    const stamped = await webhook.send(reviewOf('pin-appears'), '/stamp')
    expect(stamped.json?.response).toMatchObject({ allowed: true, patchType: 'JSONPatch' })
    const denied = await webhook.send(reviewOf('user-unknown'), '/check')
    expect(denied.json?.response).toMatchObject({
      allowed: false,
      status: { code: 422, reason: 'Invalid', status: 'Failure' },
    })
    const warned = await webhook.send(reviewOf('cronjob-that-overlaps'), '/check')
    expect(warned.json?.response).toMatchObject({
      allowed: true,
      warnings: [expect.stringContaining('set it to Forbid or Replace')],
    })
    const { text } = await webhook.get('/metrics')
    for (const line of [
      'path="/stamp",outcome="stamped"} 1',
      'path="/check",outcome="refused"} 1',
      'path="/check",outcome="warned"} 1',
    ])
      expect(text).toContain(line)
  })

  it('give each request a value of its own', async () => {
    const { object, before } = readWorkloadCase('pin-appears')
    const uids = ['705ab4f5-6393-11e8-b7cc-42010a800002', '805ab4f5-6393-11e8-b7cc-42010a800002']
    const values = uids.map(async (uid) => {
      const review = workloadReview(object, before, { uid })
      const answer = await stampWorkload(review, { clock: STAMP_CLOCK })
      return JSON.stringify(patchOf(responseOf(answer)))
    })
    expect(new Set(await Promise.all(values)).size).toBe(2)
  })

  it.each([
    [
      'a scale',
      'pin-appears',
      { subResource: 'scale', kind: { group: 'autoscaling', kind: 'Scale' } },
    ],
    ['a status', 'user-unknown', { subResource: 'status' }],
    ['a deletion', 'user-unknown', { operation: 'DELETE', object: null }],
    ['a ReplicaSet', 'pin-appears', { kind: { group: 'apps', kind: 'ReplicaSet' } }],
    [
      'a Deployment of another group',
      'pin-appears',
      { kind: { group: 'x.dev', kind: 'Deployment' } },
    ],
    ['a template as it was', 'template-as-before', {}],
    ['a workload that is scaled', 'scaled', {}],
  ])('leave %s as it is', async (_, name, request) => {
    for (const path of ['/stamp', '/check'])
      expect((await webhook.send(reviewOf(name, request), path)).json?.response).toEqual(UNTOUCHED)
  })

  it('judge no workload of the service itself', async () => {
    const review = reviewOf('user-unknown', { namespace: 'holdfast-system' })
    expect((await webhook.send(review, '/check')).json?.response).toEqual(UNTOUCHED)
  })

  it('answer a dry run as any other request', async () => {
    const { object, before } = readWorkloadCase('pin-appears')
    const [wet, dry] = [{}, { dryRun: true }].map((request) =>
      stampWorkload(workloadReview(object, before, request), { clock: STAMP_CLOCK }),
    )
    expect(await dry).toEqual(await wet)
    const checks = await Promise.all(
      [{}, { dryRun: true }].map((request) =>
        webhook.send(reviewOf('user-unknown', request), '/check'),
      ),
    )
    expect(checks[1]?.json).toEqual(checks[0]?.json)
  })

  it('keep fields that no release of ours knows', async () => {
    const { object } = readWorkloadCase('unknown-fields')
    const answer = await stampWorkload(workloadReview(object, null), { clock: STAMP_CLOCK })
    const stamped = patched(object, patchOf(responseOf(answer)))
    const stamp = '"holdfast.dev/restore-request":"20261120T141500Z-58989f2c"'
    expect(JSON.stringify(stamped).replace(`,${stamp}`, '')).toBe(JSON.stringify(object))
  })
})

const hangs = () => new Promise<never>(() => undefined)
const breaks = () => Promise.reject(new TypeError('a secret detail'))
const check = (name: string, changed: Partial<CheckDependencies>) =>
  checkWorkload(reviewOf(name), {
    ...dependencies,
    pods: NO_PODS,
    deadlineMs: 200,
    ...changed,
  })

describe('what cannot be known', () => {
  it('holds nobody up: a Namespace', async () => {
    for (const factsOf of [hangs, () => Promise.reject(new HoldfastError('no answer'))]) {
      const answer = await check('declared', { policies: { factsOf } })
      expect(responseOf(answer)).toMatchObject({
        allowed: true,
        warnings: [expect.stringMatching(/^Holdfast cannot check this Deployment now: .*answer/)],
      })
      expect(answer.outcome).toBe('failed')
    }
  })

  it('holds nobody up: a pin, while all else is judged', async () => {
    const answer = responseOf(await check('pin-on-create', { resolvePin: hangs }))
    expect(answer).toMatchObject({
      allowed: true,
      warnings: [expect.stringMatching(/=v42 cannot be looked up now \(the store did not answer/)],
    })
    const denied = responseOf(await check('new-image-under-an-old-pin', { resolvePin: hangs }))
    expect(denied.allowed).toBe(false)
  })

  it('holds nobody up: the pods that run', async () => {
    for (const podsOf of [hangs, () => Promise.reject(new HoldfastError('no answer'))]) {
      const { status } = responseOf(await check('user-unknown', { pods: { podsOf } }))
      expect(status?.message).toContain('"kubectl exec POD -c shop -- id" shows both')
    }
  })

  it('is no reason to refuse where it is a fault of our own, and is told without its details', async () => {
    const answer = await check('pin-on-create', { resolvePin: breaks })
    expect(responseOf(answer)).toEqual({
      ...UNTOUCHED,
      warnings: ['Holdfast cannot check this Deployment now: the reason is in its log'],
    })
    expect(answer.refusal?.cause).toBeInstanceOf(TypeError)
  })
})

/** What POST /mutate answers, over HTTPS. */
import jsonPatch, { type Operation } from 'fast-json-patch'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { inject } from '../../../webhook/inject/inject.ts'
import { readCase } from '../../golden/admission-case.ts'
import { RunningWebhook, review, SHOP, SHOP_CONTEXT } from '../serve/running-webhook.ts'

let webhook: RunningWebhook

beforeAll(async () => {
  webhook = await RunningWebhook.start()
})
afterAll(() => webhook.server.close())

function pinned(pin: string): unknown {
  const pod = structuredClone(readCase('pinned-fresh').pod) as {
    metadata: { labels: Record<string, string> }
  }
  pod.metadata.labels['holdfast.dev/restore'] = pin
  return pod
}

describe('POST /mutate', () => {
  it('answers with the patch that makes the injected pod', async () => {
    const { status, json } = await webhook.send(review(SHOP))
    expect(status).toBe(200)
    expect(json).toMatchObject({
      apiVersion: 'admission.k8s.io/v1',
      kind: 'AdmissionReview',
      response: {
        uid: '705ab4f5-6393-11e8-b7cc-42010a800002',
        allowed: true,
        patchType: 'JSONPatch',
      },
    })
    const patch = JSON.parse(
      Buffer.from(json?.response.patch ?? '', 'base64').toString(),
    ) as Operation[]
    const patched = jsonPatch.applyPatch(structuredClone(SHOP), patch).newDocument
    expect(patched).toEqual((inject(SHOP, SHOP_CONTEXT) as { pod: unknown }).pod)
  })

  it('takes the namespace from the request, never from the object', async () => {
    const forged = structuredClone(SHOP) as { metadata: { namespace?: string } }
    forged.metadata.namespace = 'bank'
    const { json } = await webhook.send(review(forged))
    const patch = Buffer.from(json?.response.patch ?? '', 'base64').toString()
    expect(patch).toContain(String.raw`{\"namespace\":\"shop\"`)
    expect(patch).not.toContain('bank')
  })

  it('answers a dry run as any other request', async () => {
    const [wet, dry] = await Promise.all([
      webhook.send(review(SHOP)),
      webhook.send(review(SHOP, { dryRun: true })),
    ])
    expect(dry.json).toEqual(wet.json)
  })

  it('shows a warning where the pin overrides the template', async () => {
    const { json } = await webhook.send(review(pinned('v42')))
    expect(json?.response.warnings).toEqual([
      'holdfast.dev/restore=v42 pins container "shop" to shop:1.4; the template says shop:1.5',
    ])
  })

  it.each([
    ['a pod that asks for nothing', readCase('without-declaration').pod, {}],
    ['an update', SHOP, { operation: 'UPDATE' }],
    ['a deletion', null, { operation: 'DELETE' }],
    ['a subresource', SHOP, { subResource: 'ephemeralcontainers' }],
    ['another kind', SHOP, { kind: { group: 'apps', version: 'v1', kind: 'Deployment' } }],
    ['a pod of its own namespace', SHOP, { namespace: 'holdfast-system' }],
  ])('leaves %s as it is', async (_, object, request) => {
    const { status, json } = await webhook.send(review(object, request))
    expect(status).toBe(200)
    expect(json?.response).toEqual({ uid: '705ab4f5-6393-11e8-b7cc-42010a800002', allowed: true })
  })

  it.each([
    ['what the author can mend', readCase('user-unknown').pod, {}, 422, 'Invalid', 'the user of'],
    ['what needs leave', readCase('root-without-leave').pod, {}, 403, 'Forbidden', 'is root'],
    ['a version that is not there', pinned('v7'), {}, 422, 'Invalid', 'shop/shop has no v7'],
    [
      'a store that does not answer',
      pinned('latest'),
      {},
      503,
      'ServiceUnavailable',
      'the store does not answer',
    ],
    [
      'a store that hangs',
      pinned('20261120T141500Z'),
      {},
      503,
      'ServiceUnavailable',
      'within 300 ms',
    ],
    [
      'a fault of its own',
      pinned('a-tag'),
      {},
      503,
      'ServiceUnavailable',
      'the reason is in its log',
    ],
    [
      'a policy that does not read',
      SHOP,
      { namespace: 'strict' },
      422,
      'Invalid',
      'holdfast.dev/policy: line 1',
    ],
    [
      'a request without a namespace',
      SHOP,
      { namespace: '' },
      422,
      'Invalid',
      'names no namespace',
    ],
  ])('refuses %s in one sentence', async (_, object, request, code, reason, sentence) => {
    const { status, json } = await webhook.send(review(object, request))
    expect(status).toBe(200)
    expect(json?.response).toMatchObject({
      allowed: false,
      status: {
        status: 'Failure',
        code,
        reason,
        message: expect.stringContaining(sentence) as string,
      },
    })
    expect(json?.response).not.toHaveProperty('patch')
    expect(JSON.stringify(json)).not.toMatch(/secret detail|\.ts:|at async/)
  })

  it.each([
    ['no JSON', '{"a":', 400, 'the body is no JSON object'],
    ['a number', '5', 400, 'the body is no JSON object'],
    ['nothing', '', 400, 'no AdmissionReview'],
    ['an empty object', '{}', 400, 'apiVersion is undefined'],
    [
      'another version',
      JSON.stringify({ ...review(SHOP), apiVersion: 'admission.k8s.io/v1beta1' }),
      400,
      'expected "admission.k8s.io/v1"',
    ],
    [
      'another kind of review',
      JSON.stringify({ ...review(SHOP), kind: 'TokenReview' }),
      400,
      'expected "AdmissionReview"',
    ],
    [
      'no request',
      JSON.stringify({ ...review(SHOP), request: undefined }),
      400,
      'request is undefined',
    ],
    ['no uid', JSON.stringify(review(SHOP, { uid: undefined })), 400, 'request.uid is undefined'],
    ['an empty uid', JSON.stringify(review(SHOP, { uid: '' })), 400, 'request.uid'],
    ['too much', JSON.stringify({ text: 'x'.repeat(3_200_000) }), 413, 'the body is over 3mb'],
  ])('answers %s with one sentence', async (_, body, code, sentence) => {
    const { status, text } = await webhook.sendText(body)
    expect(status).toBe(code)
    expect(text).toContain(sentence)
    expect(text.trim().split('\n')).toHaveLength(1)
  })

  it('says what there is where something else is asked', async () => {
    expect(await webhook.get('/mutate')).toMatchObject({ status: 404 })
    expect((await webhook.get('/')).text).toContain('POST /mutate')
  })
})

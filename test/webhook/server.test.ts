import * as fc from 'fast-check'
import jsonPatch, { type Operation } from 'fast-json-patch'
import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { HoldfastError, NotFoundError } from '../../shared/errors.ts'
import { admit } from '../../webhook/admission.ts'
import { inject } from '../../webhook/inject.ts'
import { createCertificate, type MadeCertificate } from '../../webhook/make-certificate.ts'
import type { NamespacePolicies } from '../../webhook/namespace-policies.ts'
import type { PinResolver } from '../../webhook/pin-resolver.ts'
import { startServer, type WebhookServer } from '../../webhook/server.ts'
import { SERVICE, readCase } from '../golden/admission-case.ts'
import { call, type Reply } from './https-client.ts'
import { randomPod } from './random-pod.ts'

const resolvePin: PinResolver = (stream, pin) => {
  if (pin.kind === 'fresh') return Promise.resolve({ version: null, images: [] })
  if (pin.kind === 'version' && pin.number === 42)
    return Promise.resolve({ version: 42, images: [{ container: 'shop', image: 'shop:1.4' }] })
  if (pin.kind === 'version')
    return Promise.reject(
      new NotFoundError(`stream ${stream.namespace}/${stream.app} has no v${pin.number}`),
    )
  if (pin.kind === 'latest') return Promise.reject(new HoldfastError('the store does not answer'))
  if (pin.kind === 'time') return new Promise(() => undefined)
  return Promise.reject(new TypeError('a secret detail'))
}

const policies: NamespacePolicies = {
  factsOf: (namespace) =>
    namespace === 'strict'
      ? Promise.resolve({ policy: 'allow: {exec: maybe}', restricted: true })
      : Promise.resolve({ restricted: false }),
}

const dependencies = { service: SERVICE, policies, resolvePin, deadlineMs: 300 }
const log = pino({ level: 'silent' })
let certificate: MadeCertificate
let server: WebhookServer

beforeAll(async () => {
  certificate = await createCertificate(['localhost', '127.0.0.1'])
  server = await startServer({
    port: 0,
    keyPair: certificate,
    log,
    admit: (body) => admit(body, dependencies),
  })
})

afterAll(() => server.close())

function send(body: unknown): Promise<Reply> {
  return sendText(JSON.stringify(body))
}

function sendText(body: string | Buffer): Promise<Reply> {
  return call({ port: server.port, authority: certificate.authority, body })
}

function get(path: string): Promise<Reply> {
  return call({ port: server.port, authority: certificate.authority, path })
}

function review(object: unknown, request: object = {}): object {
  return {
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    request: {
      uid: '705ab4f5-6393-11e8-b7cc-42010a800002',
      kind: { group: '', version: 'v1', kind: 'Pod' },
      resource: { group: '', version: 'v1', resource: 'pods' },
      operation: 'CREATE',
      namespace: 'shop',
      dryRun: false,
      ...request,
      object,
      oldObject: null,
    },
  }
}

function pinned(pin: string): unknown {
  const pod = structuredClone(readCase('pinned-fresh').pod) as {
    metadata: { labels: Record<string, string> }
  }
  pod.metadata.labels['holdfast.dev/restore'] = pin
  return pod
}

const { pod: SHOP, context: SHOP_CONTEXT } = readCase('deployment-emptydir')

describe('POST /mutate', () => {
  it('answers with the patch that makes the injected pod', async () => {
    const { status, json } = await send(review(SHOP))
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
    const { json } = await send(review(forged))
    const patch = Buffer.from(json?.response.patch ?? '', 'base64').toString()
    expect(patch).toContain(String.raw`{\"namespace\":\"shop\"`)
    expect(patch).not.toContain('bank')
  })

  it('answers a dry run as any other request', async () => {
    const [wet, dry] = await Promise.all([send(review(SHOP)), send(review(SHOP, { dryRun: true }))])
    expect(dry.json).toEqual(wet.json)
  })

  it('shows a warning where the pin overrides the template', async () => {
    const { json } = await send(review(pinned('v42')))
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
    const { status, json } = await send(review(object, request))
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
    const { status, json } = await send(review(object, request))
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
    const { status, text } = await sendText(body)
    expect(status).toBe(code)
    expect(text).toContain(sentence)
    expect(text.trim().split('\n')).toHaveLength(1)
  })

  it('says what there is where something else is asked', async () => {
    expect(await get('/mutate')).toMatchObject({ status: 404 })
    expect((await get('/')).text).toContain('POST /mutate')
  })
})

describe('garbage', () => {
  const asks = { metadata: { annotations: { 'holdfast.dev/state': '/data' } } }

  it('never crashes the server, and always gets an answer without a stack', async () => {
    const part = fc.oneof(fc.jsonValue(), fc.constant(undefined))
    const body = fc.oneof(
      fc.jsonValue().map((value) => JSON.stringify(value)),
      fc.string(),
      fc
        .record({ uid: part, kind: part, operation: part, namespace: part })
        .map((request) => JSON.stringify(review(SHOP, request))),
      fc.jsonValue().map((object) => JSON.stringify(review(object))),
      fc
        .tuple(randomPod, fc.jsonValue(), fc.constantFrom('metadata', 'spec'))
        .map(([pod, value, key]) => JSON.stringify(review({ ...pod, [key]: value }))),
      fc.jsonValue().map((spec) => JSON.stringify(review({ ...asks, spec }))),
      fc.jsonValue().map((containers) => JSON.stringify(review({ ...asks, spec: { containers } }))),
    )
    await fc.assert(
      fc.asyncProperty(body, async (text) => {
        const { status, text: reply } = await sendText(text)
        expect([200, 400]).toContain(status)
        expect(reply).not.toMatch(/\.ts:\d|at async|TypeError/)
      }),
      { numRuns: 300 },
    )
    expect((await get('/healthz')).status).toBe(200)
  })

  it('that is nested without end is refused, not fatal', async () => {
    const deep = `${'['.repeat(200_000)}${']'.repeat(200_000)}`
    const text = JSON.stringify(review({ ...asks, spec: 'DEEP' })).replace('"DEEP"', deep)
    const { status, json } = await sendText(text)
    expect([200, 400]).toContain(status)
    if (json !== undefined) expect(json.response.allowed).toBe(false)
    expect((await get('/healthz')).status).toBe(200)
  })
})

describe('the server', () => {
  it('shows its metrics', async () => {
    await send(review(SHOP))
    const { text } = await get('/metrics')
    expect(text).toMatch(/^holdfast_webhook_admissions_total\{outcome="injected"\} \d+$/m)
    expect(text).toMatch(
      /^holdfast_webhook_certificate_expiry_timestamp_seconds 1\.\d+e\+9$|^holdfast_webhook_certificate_expiry_timestamp_seconds \d+/m,
    )
  })

  it('serves a new certificate from the next connection on', async () => {
    const next = await createCertificate(['127.0.0.1'])
    const other = await startServer({
      port: 0,
      keyPair: certificate,
      log,
      admit: () => Promise.reject(new Error()),
    })
    const ask = (authority: string) => call({ port: other.port, authority, path: '/readyz' })
    expect((await ask(certificate.authority)).status).toBe(200)
    other.replaceKeyPair(next)
    expect((await ask(next.authority)).status).toBe(200)
    await expect(ask(certificate.authority)).rejects.toThrow(/certificate/)
    await other.close()
  })

  it('answers what has been asked before it ends, and takes nothing new', async () => {
    const { promise: asked, resolve: markAsked } = Promise.withResolvers<void>()
    const { promise: go, resolve: release } = Promise.withResolvers<void>()
    const other = await startServer({
      port: 0,
      keyPair: certificate,
      log,
      admit: async (body) => {
        markAsked()
        await go
        return admit(body, dependencies)
      },
    })
    const { port } = other
    const { authority } = certificate
    const pending = call({ port, authority, body: JSON.stringify(review(SHOP)) })
    await asked
    const closing = other.close()
    await expect(call({ port, authority, path: '/readyz' })).rejects.toThrow(/ECONNREFUSED/)
    release()
    expect((await pending).json?.response.allowed).toBe(true)
    await closing
  })

  it('says so where its port is taken', async () => {
    await expect(
      startServer({
        port: server.port,
        keyPair: certificate,
        log,
        admit: () => Promise.reject(new Error()),
      }),
    ).rejects.toThrow(/port \d+ cannot be listened on \(EADDRINUSE\)/)
  })
})

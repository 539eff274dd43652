/** Whatever is sent to the server, it answers. */
import * as fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { randomPod } from '../inject/random-pod.ts'
import { RunningWebhook, review, SHOP } from '../serve/running-webhook.ts'

let webhook: RunningWebhook

beforeAll(async () => {
  webhook = await RunningWebhook.start()
})
afterAll(() => webhook.server.close())

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
        const { status, text: reply } = await webhook.sendText(text)
        expect([200, 400]).toContain(status)
        expect(reply).not.toMatch(/\.ts:\d|at async|TypeError/)
      }),
      { numRuns: 300 },
    )
    expect((await webhook.get('/healthz')).status).toBe(200)
  })

  it('that is nested without end is refused, not fatal', async () => {
    const deep = `${'['.repeat(200_000)}${']'.repeat(200_000)}`
    const text = JSON.stringify(review({ ...asks, spec: 'DEEP' })).replace('"DEEP"', deep)
    const { status, json } = await webhook.sendText(text)
    expect([200, 400]).toContain(status)
    if (json !== undefined) expect(json.response.allowed).toBe(false)
    expect((await webhook.get('/healthz')).status).toBe(200)
  })
})

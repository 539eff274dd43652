/** Whatever is sent to the server, it answers. */
import * as fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readWorkloadCase, workloadCaseNames, workloadReview } from '../../golden/workload-case.ts'
import { randomPod } from '../inject/random-pod.ts'
import { RunningWebhook, review, SHOP } from '../serve/running-webhook.ts'

let webhook: RunningWebhook

beforeAll(async () => {
  webhook = await RunningWebhook.start()
})
afterAll(() => webhook.server.close())

/** A review of a workload on file, with something else in one place. */
const workloadPart = fc.constantFrom(
  (name: string, value: unknown, before: unknown) =>
    workloadReview({ ...readWorkloadCase(name).object, spec: value }, before ?? null),
  (name: string, value: unknown, before: unknown) =>
    workloadReview({ ...readWorkloadCase(name).object, metadata: value }, before ?? null),
  (name: string, value: unknown, before: unknown) => {
    const { object } = readWorkloadCase(name)
    const { spec } = object as unknown as { spec: object }
    const template = { metadata: { annotations: ASKING, labels: before }, spec: value }
    return workloadReview({ ...object, spec: { ...spec, template } }, null)
  },
)
const ASKING = { 'holdfast.dev/state': '/data' }

describe('garbage', () => {
  const asks = { metadata: { annotations: { 'holdfast.dev/state': '/data' } } }

  it('never crashes the server, and always gets an answer without a stack', async () => {
    const part = fc.oneof(fc.jsonValue(), fc.constant(undefined))
    const path = fc.constantFrom('/mutate', '/stamp', '/check')
    const body = fc.oneof(
      fc.jsonValue().map((value) => JSON.stringify(value)),
      fc.string(),
      fc
        .record({ uid: part, kind: part, operation: part, namespace: part })
        .map((request) => JSON.stringify(review(SHOP, request))),
      fc.jsonValue().map((object) => JSON.stringify(review(object))),
      fc
        .tuple(fc.constantFrom(...workloadCaseNames()), part, part, workloadPart)
        .map(([name, value, before, change]) => JSON.stringify(change(name, value, before))),
      fc
        .tuple(randomPod, fc.jsonValue(), fc.constantFrom('metadata', 'spec'))
        .map(([pod, value, key]) => JSON.stringify(review({ ...pod, [key]: value }))),
      fc.jsonValue().map((spec) => JSON.stringify(review({ ...asks, spec }))),
      fc.jsonValue().map((containers) => JSON.stringify(review({ ...asks, spec: { containers } }))),
    )
    await fc.assert(
      fc.asyncProperty(body, path, async (text, to) => {
        const { status, text: reply } = await webhook.sendText(text, to)
        expect([200, 400]).toContain(status)
        expect(reply).not.toMatch(/\.ts:\d|at async|TypeError/)
      }),
      { numRuns: 600 },
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

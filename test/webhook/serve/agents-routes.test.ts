/** What agents get over HTTPS: who they are, what they may ask, and one sentence where they may not. */
import { request } from 'node:https'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { MAX_BODY_BYTES } from '../../../shared/service-contract.ts'
import { createCertificate } from '../../../webhook/certificates/make-certificate.ts'
import type { AgentsApi } from '../../../webhook/controller/agents-api.ts'
import type { PodRef } from '../../../webhook/controller/pod-facts.ts'
import {
  RefusedRequestError,
  UnknownOutcomeError,
} from '../../../webhook/controller/refused-request.ts'
import { ClusterUnreachableError } from '../../../webhook/kubernetes/cluster-error.ts'
import { startServer, type WebhookServer } from '../../../webhook/serve/server.ts'
import { report } from '../controller/reports.ts'
import { log } from './running-webhook.ts'

const POD: PodRef = { namespace: 'shop', name: 'shop-0', uid: 'uid-0' }
const certificate = await createCertificate(['127.0.0.1'])
const asked: unknown[] = []
let fault: Error | undefined
let server: WebhookServer

const FACTS = {
  pods: new Map([
    ['Protected', 40],
    ['NotInjected', 2],
  ]),
  lagSeconds: 12.5,
  reports: 7,
  writes: 5,
  waiting: 1,
}

const agents: AgentsApi = {
  review: async (token) => {
    if (token === 'away') throw new ClusterUnreachableError('the API server does not answer')
    return token === 'good' ? POD : undefined
  },
  report: async (...call) => {
    asked.push(call)
    if (fault !== undefined) throw fault
    return { images: [{ container: 'shop', image: 'shop:1.4', digest: null }] }
  },
  podState: async (...call) => {
    asked.push(call)
    return 'terminating'
  },
  runHook: async (...call) => {
    asked.push(call)
    if (fault !== undefined) throw fault
    return { exitCode: 3, output: 'busy' }
  },
}

beforeAll(async () => {
  server = await startServer({
    port: 0,
    keyPair: certificate,
    log,
    admissions: {},
    controller: { agents, facts: () => FACTS },
  })
})
afterAll(() => server.close())
beforeEach(() => {
  asked.length = 0
  fault = undefined
})

async function ask(method: string, path: string, body?: unknown, token: string | null = 'good') {
  const { status, said } = await send(method, path, body, token)
  return { status, body: JSON.parse(said) as unknown }
}

async function send(method: string, path: string, body?: unknown, token: string | null = null) {
  const headers = token === null ? {} : { authorization: `Bearer ${token}` }
  const target = { host: '127.0.0.1', port: server.port, path, method, headers }
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; said: string }>()
  const outgoing = request({ ...target, ca: certificate.authority, agent: false }, (response) => {
    text(response).then((said) => resolve({ status: response.statusCode ?? 0, said }), reject)
  })
  outgoing.on('error', reject)
  outgoing.end(typeof body === 'string' ? body : body && JSON.stringify(body))
  return promise
}

describe('an agent', () => {
  it('reports as the pod that its token names, and is told by which digests its images run', async () => {
    const answer = await ask('POST', '/v1/report', { ...report(), later: 'field' })
    expect(answer).toEqual({
      status: 200,
      body: { images: [{ container: 'shop', image: 'shop:1.4', digest: null }] },
    })
    expect(asked).toEqual([[POD, report()]])
  })

  it('asks after a pod of its namespace', async () => {
    const answer = await ask('GET', '/v1/pods/shop-1/0f0f-11')
    expect(answer).toEqual({ status: 200, body: { state: 'terminating' } })
    expect(asked).toEqual([[POD, 'shop-1', '0f0f-11']])
  })

  it('has its hook run', async () => {
    const answer = await ask('POST', '/v1/hooks/before')
    expect(answer).toEqual({ status: 200, body: { exitCode: 3, output: 'busy' } })
    expect(asked).toEqual([[POD, 'before']])
  })
})

describe('one sentence says', () => {
  it.each([
    [
      'who did not say who they are',
      'POST',
      '/v1/report',
      report(),
      null,
      401,
      /send the pod's token/,
    ],
    ['whose token is not valid', 'POST', '/v1/report', report(), 'bad', 401, /the pod may be gone/],
    [
      'that nobody can say whose token it is',
      'GET',
      '/v1/pods/a/b',
      undefined,
      'away',
      503,
      /does not answer/,
    ],
    [
      'what is wrong in a report',
      'POST',
      '/v1/report',
      { ...report(), phase: 'asleep' },
      'good',
      400,
      /phase is "asleep"/,
    ],
    ['that a body is no JSON', 'POST', '/v1/report', '{', 'good', 400, /no JSON object/],
    [
      'that a body is too large',
      'POST',
      '/v1/report',
      'x'.repeat(MAX_BODY_BYTES + 1),
      'good',
      413,
      /over 131072 bytes/,
    ],
    ['that a name is none', 'GET', '/v1/pods/a%2Fb/c', undefined, 'good', 400, /ask as GET/],
    ['that a uid is none', 'GET', '/v1/pods/shop-1/a%20b', undefined, 'good', 400, /ask as GET/],
    [
      'which hooks there are',
      'POST',
      '/v1/hooks/during',
      undefined,
      'good',
      404,
      /\/v1\/hooks\/after/,
    ],
    ['what else there is', 'GET', '/v1/else', undefined, 'good', 404, /POST \/v1\/report/],
  ] as const)('%s', async (_what, method, path, body, token, status, problem) => {
    const answer = await ask(method, path, body, token)
    expect(answer).toEqual({ status, body: { problem: expect.stringMatching(problem) } })
    expect(asked).toEqual([])
  })

  it.each([
    [new RefusedRequestError(403, 'not allowed'), 403, 'not allowed'],
    [new UnknownOutcomeError('it has not ended'), 504, 'it has not ended'],
    [new ClusterUnreachableError('away'), 503, 'away'],
    [new TypeError('a secret detail'), 500, 'the service failed; the reason is in its log'],
  ])('why a hook was not seen to run: %s', async (error, status, problem) => {
    fault = error
    expect(await ask('POST', '/v1/hooks/after')).toEqual({ status, body: { problem } })
  })
})

it('the metrics show how pods stand, how far the last one is behind, and what waits', async () => {
  for (let look = 0; look < 2; look += 1) {
    const { said } = await send('GET', '/metrics')
    for (const line of [
      'holdfast_webhook_pods{reason="Protected"} 40',
      'holdfast_webhook_pods{reason="NotInjected"} 2',
      'holdfast_webhook_pod_lag_seconds 12.5',
      'holdfast_webhook_reports_total 7',
      'holdfast_webhook_pod_writes_total 5',
      'holdfast_webhook_pod_writes_waiting 1',
    ])
      expect(said.split('\n')).toContain(line)
  }
})

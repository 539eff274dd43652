/** The server itself: its metrics, its certificate, its end and its port. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { admit } from '../../../webhook/admission/admit-pod.ts'
import { DAY_MS, issueServing, makeAuthority } from '../../../webhook/certificates/issue.ts'
import { createCertificate } from '../../../webhook/certificates/make-certificate.ts'
import { startServer } from '../../../webhook/serve/server.ts'
import { call } from './https-client.ts'
import { dependencies, log, RunningWebhook, review, SHOP } from './running-webhook.ts'

let webhook: RunningWebhook

beforeAll(async () => {
  webhook = await RunningWebhook.start()
})
afterAll(() => webhook.server.close())

describe('the server', () => {
  it('shows its metrics', async () => {
    await webhook.send(review(SHOP))
    const { text } = await webhook.get('/metrics')
    expect(text).toMatch(
      /^holdfast_webhook_admissions_total\{path="\/mutate",outcome="injected"\} \d+$/m,
    )
    expect(text).toMatch(
      /^holdfast_webhook_certificate_expiry_timestamp_seconds 1\.\d+e\+9$|^holdfast_webhook_certificate_expiry_timestamp_seconds \d+/m,
    )
  })

  it('serves a new certificate from the next connection on', async () => {
    const next = await createCertificate(['127.0.0.1'])
    const other = await startServer({
      port: 0,
      keyPair: webhook.certificate,
      log,
      admissions: {},
    })
    const ask = (authority: string) => call({ port: other.port, authority, path: '/readyz' })
    expect((await ask(webhook.certificate.authority)).status).toBe(200)
    other.replaceKeyPair(next)
    expect((await ask(next.authority)).status).toBe(200)
    await expect(ask(webhook.certificate.authority)).rejects.toThrow(/certificate/)
    await other.close()
  })

  it('is alive and not ready without a certificate, after its end, and while it drains', async () => {
    const authority = await makeAuthority(new Date(), 1)
    const now = new Date()
    const [over, good] = await Promise.all([
      issueServing(authority, ['127.0.0.1'], new Date(now.getTime() - 2 * DAY_MS), 1),
      issueServing(authority, ['127.0.0.1'], now, 1),
    ])
    const other = await startServer({
      port: 0,
      keyPair: undefined,
      log,
      admissions: { '/mutate': (body) => admit(body, dependencies) },
    })
    const ask = async (path: string) => {
      const probe = { port: other.port, authority: authority.certificate, path, isTrusting: true }
      const { status, text } = await call(probe)
      return `${status} ${text.trim()}`
    }
    expect(await ask('/healthz')).toBe('200 ok')
    expect(await ask('/readyz')).toBe('503 there is no certificate yet')
    other.replaceKeyPair(over)
    expect(await ask('/readyz')).toMatch(/^503 the certificate ended at 20/)
    other.replaceKeyPair(good)
    expect(await ask('/readyz')).toBe('200 ok')
    other.drain()
    expect(await ask('/readyz')).toBe('503 draining')
    expect(await ask('/healthz')).toBe('200 ok')
    const body = JSON.stringify(review(SHOP))
    const admitted = await call({ port: other.port, authority: authority.certificate, body })
    expect(admitted.json?.response.allowed).toBe(true)
    await other.close()
  })

  it('answers what has been asked before it ends, and takes nothing new', async () => {
    const { promise: asked, resolve: markAsked } = Promise.withResolvers<void>()
    const { promise: go, resolve: release } = Promise.withResolvers<void>()
    const other = await startServer({
      port: 0,
      keyPair: webhook.certificate,
      log,
      admissions: {
        '/mutate': async (body) => {
          markAsked()
          await go
          return admit(body, dependencies)
        },
      },
    })
    const { port } = other
    const { authority } = webhook.certificate
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
        port: webhook.server.port,
        keyPair: webhook.certificate,
        log,
        admissions: {},
      }),
    ).rejects.toThrow(/port \d+ cannot be listened on \(EADDRINUSE\)/)
  })
})

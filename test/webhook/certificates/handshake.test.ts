/** Certificates of two authorities over real TLS: who trusts whom while one follows the other. */
import { describe, expect, it } from 'vitest'
import {
  crossSign,
  DAY_MS,
  issueServing,
  makeAuthority,
} from '../../../webhook/certificates/issue.ts'
import { startServer } from '../../../webhook/serve/server.ts'
import { call } from '../serve/https-client.ts'
import { log } from '../serve/running-webhook.ts'

const NAMES = ['127.0.0.1']

describe('a server whose authority has changed', () => {
  it('is known to those who trust the new one, both, or the old one alone, and to nobody else', async () => {
    const now = new Date()
    const long = new Date(now.getTime() - 2000 * DAY_MS)
    const [old, next, foreign] = await Promise.all([
      makeAuthority(long, 3650),
      makeAuthority(now, 3650),
      makeAuthority(now, 3650),
    ])
    const leaf = await issueServing(next, NAMES, now, 90)
    const cross = await crossSign(next.certificate, old, now)
    const server = await startServer({
      port: 0,
      keyPair: { ...leaf, certificate: `${leaf.certificate}\n${cross}\n` },
      log,
      admissions: {},
    })
    const ask = (authority: string) => call({ port: server.port, authority, path: '/readyz' })
    for (const trusted of [
      next.certificate,
      old.certificate,
      `${next.certificate}\n${old.certificate}`,
      `${old.certificate}\n${next.certificate}`,
    ])
      expect((await ask(trusted)).status).toBe(200)
    await expect(ask(foreign.certificate)).rejects.toThrow(/certificate/)
    server.replaceKeyPair(leaf)
    await expect(ask(old.certificate)).rejects.toThrow(/certificate/)
    await server.close()
  })
})

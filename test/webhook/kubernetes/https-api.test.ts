/** What of an API server's answers and silences is told, and as what. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  ClusterError,
  ClusterUnreachableError,
  ConflictError,
  ExpiredError,
  ForbiddenError,
  MissingObjectError,
} from '../../../webhook/kubernetes/cluster-error.ts'
import type { WatchLine } from '../../../webhook/kubernetes/cluster-api.ts'
import type { HttpsApi } from '../../../webhook/kubernetes/https-api.ts'
import { LEASES, NAMESPACES } from '../../../webhook/kubernetes/resources.ts'
import { ApiStandIn, json } from './api-stand-in.ts'

let server: ApiStandIn

beforeEach(async () => {
  server = await ApiStandIn.start()
})
afterEach(() => server.close())

const LEASE = { resource: LEASES, namespace: 'holdfast-system', name: 'holdfast-webhook' }

describe('a call', () => {
  it('says what is asked for in the path, the method and the type of its body', async () => {
    const api = server.api()
    await api.call({ verb: 'get', resource: NAMESPACES, name: 'shop' })
    await api.call({ verb: 'list', resource: LEASES, query: { limit: '5' } })
    await api.call({ ...LEASE, verb: 'update', body: { a: 1 } })
    await api.call({ ...LEASE, verb: 'patch', subresource: 'status', patch: 'merge', body: {} })
    await api.call({ ...LEASE, verb: 'patch', patch: 'strategic', body: {} })
    const { resource, namespace } = LEASE
    await api.call({ verb: 'create', resource, namespace, body: {} })
    const path = '/apis/coordination.k8s.io/v1'
    const one = `${path}/namespaces/holdfast-system/leases/holdfast-webhook`
    expect(server.seen.map(({ method, url, type }) => [method, url, type])).toEqual([
      ['GET', '/api/v1/namespaces/shop', undefined],
      ['GET', `${path}/leases?limit=5`, undefined],
      ['PUT', one, 'application/json'],
      ['PATCH', `${one}/status`, 'application/merge-patch+json'],
      ['PATCH', one, 'application/strategic-merge-patch+json'],
      ['POST', `${path}/namespaces/holdfast-system/leases`, 'application/json'],
    ])
  })

  it('goes over a connection that is kept, with the token of the moment', async () => {
    let number = 0
    const api = server.api(() => `token-${(number += 1)}`)
    await api.call({ verb: 'get', ...LEASE })
    await api.call({ verb: 'get', ...LEASE })
    expect(server.seen.map((seen) => seen.authorization)).toEqual([
      'Bearer token-1',
      'Bearer token-2',
    ])
    expect(server.connections).toBe(1)
  })

  it.each([
    [404, MissingObjectError, 'leases "holdfast-webhook" of namespace holdfast-system'],
    [409, ConflictError, 'somebody else was first'],
    [410, ExpiredError, 'get leases'],
    [401, ForbiddenError, "look at the ServiceAccount's token"],
    [403, ForbiddenError, 'the verb "get" on leases (apiGroup coordination.k8s.io)'],
    [429, ClusterUnreachableError, 'cannot answer now'],
    [500, ClusterUnreachableError, 'cannot answer now'],
    [422, ClusterError, 'refused get leases'],
  ])(
    'that is answered with %i says so, and what the API server said',
    async (status, kind, words) => {
      server.answer = (response) => json(response, status, { kind: 'Status', message: 'it says' })
      const error: unknown = await server
        .api()
        .call({ verb: 'get', ...LEASE })
        .catch((thrown: unknown) => thrown)
      expect(error).toBeInstanceOf(kind)
      expect(String(error)).toContain(words)
      expect(String(error)).toContain('it says')
    },
  )

  it('is unreachable where nobody listens', async () => {
    const api = server.api()
    await server.close()
    const call = api.call({ verb: 'get', ...LEASE })
    await expect(call).rejects.toThrow(/does not answer.*ECONNREFUSED/)
    server = await ApiStandIn.start()
  })

  it('is unreachable where the answer breaks off, is no JSON, or does not come in time', async () => {
    const api = server.api(undefined, { answerMs: 200 })
    const call = () => api.call({ verb: 'get', ...LEASE })
    server.answer = (response) => {
      response.writeHead(200, { 'content-length': '100' })
      response.write('{', () => response.destroy())
    }
    await expect(call()).rejects.toThrow(ClusterUnreachableError)
    server.answer = (response) => void response.end('<html>')
    await expect(call()).rejects.toThrow(ClusterUnreachableError)
    server.answer = () => undefined
    await expect(call()).rejects.toThrow(/does not answer.*too late/)
  })

  it('is unreachable where our credentials cannot be read', async () => {
    const api = server.api(() => {
      throw new Error('ENOENT: no token')
    })
    await expect(api.call({ verb: 'get', ...LEASE })).rejects.toThrow(ClusterUnreachableError)
  })

  it('is asked again where the kept connection was closed under it; a write is not', async () => {
    const api = server.api()
    const breakOnce = () => {
      let breaks = 1
      server.answer = (response) => {
        if (breaks === 0) return json(response, 200, { ok: true })
        breaks -= 1
        response.socket?.destroy()
      }
    }
    await api.call({ verb: 'get', ...LEASE })
    breakOnce()
    expect(await api.call({ verb: 'get', ...LEASE })).toEqual({ ok: true })
    breakOnce()
    const write = api.call({ verb: 'update', ...LEASE, body: {} })
    await expect(write).rejects.toThrow(ClusterUnreachableError)
  })
})

async function watch(api: HttpsApi, lines: WatchLine[]): Promise<void> {
  const { signal } = new AbortController()
  for await (const line of api.watch({ resource: NAMESPACES, query: {}, signal })) lines.push(line)
}

describe('a watch', () => {
  it('brings whole lines, however they come, and ends with the API server’s end', async () => {
    server.answer = (response) => {
      response.write('{"type":"ADDED","object":{"a":1}}\n{"type":"MODI')
      setImmediate(() => response.end('FIED","object":{"a":2}}\n{"type":"half'))
    }
    const lines: WatchLine[] = []
    await watch(server.api(), lines)
    expect(lines).toEqual([
      { type: 'ADDED', object: { a: 1 } },
      { type: 'MODIFIED', object: { a: 2 } },
    ])
    expect(server.seen[0]?.url).toBe('/api/v1/namespaces?watch=true')
  })

  it('fails where it is refused, breaks off, or says nothing for too long', async () => {
    const api = server.api(undefined, { silenceMs: 200 })
    server.answer = (response) => json(response, 410, { message: 'too old' })
    await expect(watch(api, [])).rejects.toThrow(ExpiredError)
    const lines: WatchLine[] = []
    server.answer = (response) => {
      response.write('{"type":"ADDED","object":{}}\n', () => response.destroy())
    }
    await expect(watch(api, lines)).rejects.toThrow(ClusterUnreachableError)
    server.answer = (response) => void response.write('{"type":"ADDED","object":{}}\n')
    await expect(watch(api, lines)).rejects.toThrow(ClusterUnreachableError)
    expect(lines).toHaveLength(2)
  })

  it('ends in silence when it is no longer wanted', async () => {
    const stop = new AbortController()
    server.answer = (response) => void response.write('{"type":"ADDED","object":{}}\n')
    const ended: WatchLine[] = []
    for await (const line of server
      .api()
      .watch({ resource: NAMESPACES, query: {}, signal: stop.signal })) {
      ended.push(line)
      stop.abort()
    }
    expect(ended).toHaveLength(1)
  })
})

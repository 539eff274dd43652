import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import type { ServerResponse } from 'node:http'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import {
  AccessDeniedError,
  NoSuchStoreError,
  StoreRefusedError,
  UnreachableError,
  type ObjectStore,
} from '../../shared/object-store/object-store.ts'
import { openStore } from '../../shared/object-store/open-store.ts'
import { createS3Store } from '../../shared/object-store/s3-store.ts'
import { sendError, startFaultyS3, type FaultyS3 } from '../support/faulty-s3.ts'
import { freshS3Url, s3Environment } from '../support/s3-url.ts'
import { describeObjectStore } from './object-store.contract.ts'

describeObjectStore('a prefix of a bucket in Ceph', async () => openStore(freshS3Url()))

const body = Buffer.from('0123456789')

const room = Buffer.alloc(64 * 1024)

/** Every method, so that none answers "nothing there" where it should throw. */
const methods: [string, (store: ObjectStore) => Promise<unknown>][] = [
  ['create', async (store) => store.create('a', body)],
  ['get', async (store) => store.get('a')],
  ['get of a part', async (store) => store.get('a', { lastBytes: 4 })],
  ['get into memory', async (store) => store.get('a', { offset: 0, lengthBytes: 4, room })],
  ['get of nothing', async (store) => store.get('a', { lastBytes: 0 })],
  ['list', async (store) => store.list('')],
  ['folders', async (store) => store.folders('')],
  ['delete', async (store) => store.delete('a')],
]

afterEach(() => {
  vi.unstubAllEnvs()
})

describe.each(methods)('%s in Ceph', (_name, call) => {
  test('with a wrong secret key is denied, and tells no secret', async () => {
    const url = freshS3Url()
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'wr0ng')
    const calling = call(await openStore(url))
    await expect(calling).rejects.toThrow(AccessDeniedError)
    await expect(calling).rejects.toThrow(url)
    await expect(calling).rejects.toThrow('403')
    await expect(calling).rejects.not.toThrow(/wr0ng|undefined/)
  })

  test('with an unknown key id is denied', async () => {
    const url = freshS3Url()
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'NOBODY')
    await expect(call(await openStore(url))).rejects.toThrow(AccessDeniedError)
  })

  test('without any credentials is denied, and says where they are looked for', async () => {
    const url = freshS3Url()
    for (const variable of ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_PROFILE'])
      vi.stubEnv(variable, undefined)
    vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', '/nonexistent')
    vi.stubEnv('AWS_CONFIG_FILE', '/nonexistent')
    const calling = call(await openStore(url))
    await expect(calling).rejects.toThrow(AccessDeniedError)
    await expect(calling).rejects.toThrow('AWS_WEB_IDENTITY_TOKEN_FILE')
  })

  test('in an unknown bucket finds no such store', async () => {
    freshS3Url()
    const calling = call(await openStore('s3://no-such-bucket/x'))
    await expect(calling).rejects.toThrow(NoSuchStoreError)
    await expect(calling).rejects.toThrow('s3://no-such-bucket/x')
  })

  test('at a port where nobody listens ends as unreachable within seconds', async () => {
    const url = freshS3Url()
    vi.stubEnv('AWS_ENDPOINT_URL_S3', `http://127.0.0.1:${await deadPort()}`)
    const begin = Date.now()
    const calling = call(await openStore(url))
    await expect(calling).rejects.toThrow(UnreachableError)
    await expect(calling).rejects.toThrow('ECONNREFUSED')
    expect(Date.now() - begin).toBeLessThan(20_000)
  })
})

async function deadPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  return port
}

describe('a server that answers out of order', () => {
  let server: FaultyS3 | undefined
  beforeEach(() => async () => server?.stop())

  async function openFaulty(answer: Parameters<typeof startFaultyS3>[0]): Promise<ObjectStore> {
    server = await startFaultyS3(answer)
    freshS3Url()
    vi.stubEnv('AWS_ENDPOINT_URL_S3', server.endpoint)
    const timeouts = { connectMs: 1000, idleMs: 300 }
    return createS3Store({ bucket: 'bucket', prefix: 'p/', timeouts })
  }

  const unsound: [string, (response: ServerResponse) => void][] = [
    ['resets every connection', (response) => response.socket?.resetAndDestroy()],
    ['never answers', () => undefined],
    ['says 500 InternalError', (response) => sendError(response, 500, 'InternalError')],
    ['says 503 SlowDown', (response) => sendError(response, 503, 'SlowDown')],
    ['says 429 TooManyRequests', (response) => sendError(response, 429, 'TooManyRequests')],
    ['says 400 RequestTimeout', (response) => sendError(response, 400, 'RequestTimeout')],
    ['says 502 in HTML', (response) => response.writeHead(502).end('<html>Bad gateway')],
    ['speaks no HTTP', (response) => response.socket?.end('SSH-2.0-OpenSSH\r\n')],
  ]
  test.each(unsound)('that %s is unreachable, whatever is asked', async (_says, answer) => {
    const store = await openFaulty((_request, response) => answer(response))
    const callings = methods.map(async ([name, call]) =>
      expect(call(store), name).rejects.toThrow(UnreachableError),
    )
    await Promise.all(callings)
  })

  const truncated: [string, (response: ServerResponse) => void][] = [
    ['is cut off', (response) => response.socket?.destroy()],
    ['is reset', (response) => response.socket?.resetAndDestroy()],
    ['stalls', () => undefined],
  ]
  test.each(truncated)('a body that %s after half its bytes is no object', async (_how, cut) => {
    const store = await openFaulty((_request, response) => {
      response.writeHead(200, { 'content-length': 10, 'last-modified': new Date().toUTCString() })
      response.write('01234', () => setTimeout(() => cut(response), 20))
    })
    await expect(store.get('a')).rejects.toThrow(UnreachableError)
  })

  test('a body of unknown length is no object', async () => {
    const store = await openFaulty((_request, response) => {
      response.writeHead(200, { 'last-modified': new Date().toUTCString() })
      response.write('01234')
      response.end()
    })
    await expect(store.get('a')).rejects.toThrow(UnreachableError)
  })

  test('a 404 that no S3 wrote does not mean that there is no object', async () => {
    const store = await openFaulty((_request, response) => {
      response
        .writeHead(404, { 'content-type': 'text/html' })
        .end('<html><body>nginx</body></html>')
    })
    await expect(store.get('a')).rejects.toThrow(StoreRefusedError)
    await expect(store.list('')).rejects.toThrow(StoreRefusedError)
  })

  test('a listing that is no XML does not mean that there is nothing', async () => {
    const store = await openFaulty((_request, response) => response.end('welcome'))
    await expect(store.list('')).rejects.toThrow(UnreachableError)
    await expect(store.folders('')).rejects.toThrow(UnreachableError)
  })

  test('a part that the store serves as the whole is refused', async () => {
    const store = await openFaulty((_request, response) => {
      const headers = { 'content-length': 10, 'last-modified': new Date().toUTCString() }
      response.writeHead(200, headers).end(body)
    })
    await expect(store.get('a', { lastBytes: 4 })).rejects.toThrow(StoreRefusedError)
  })

  test('a bucket in another region says what to set', async () => {
    const store = await openFaulty((_request, response) => {
      response.setHeader('x-amz-bucket-region', 'eu-central-1')
      sendError(response, 301, 'PermanentRedirect')
    })
    await expect(store.list('')).rejects.toThrow(StoreRefusedError)
    await expect(store.list('')).rejects.toThrow('set AWS_REGION to eu-central-1')
  })

  test('a store without conditional writes is refused', async () => {
    const store = await openFaulty((_request, response) =>
      sendError(response, 501, 'NotImplemented'),
    )
    await expect(store.create('a', body)).rejects.toThrow(StoreRefusedError)
  })

  test('a full quota is no lack of rights', async () => {
    const store = await openFaulty((_request, response) =>
      sendError(response, 403, 'QuotaExceeded'),
    )
    await expect(store.create('a', body)).rejects.toThrow(StoreRefusedError)
  })

  test('an attempt that fails is followed by two more', async () => {
    const store = await openFaulty((_request, response, count) =>
      count < 3 ? sendError(response, 503, 'SlowDown') : response.end(),
    )
    expect(await store.create('a', body)).toBe('created')
    expect(server?.requests).toEqual(Array(3).fill('PUT /bucket/p/a?x-id=PutObject'))
  })

  test('a create whose answer was lost may find its own object', async () => {
    const store = await openFaulty(({ method }, response, count) => {
      if (method === 'HEAD') response.end()
      else if (count === 1) response.socket?.resetAndDestroy()
      else sendError(response, 412, 'PreconditionFailed')
    })
    expect(await store.create('a', body)).toBe('exists')
  })

  test('a store that says "exists" and does not have it leaves the fate open', async () => {
    const store = await openFaulty(({ method }, response) =>
      method === 'HEAD'
        ? response.writeHead(404).end()
        : sendError(response, 412, 'PreconditionFailed'),
    )
    await expect(store.create('a', body)).rejects.toThrow(UnreachableError)
  })

  test('a part that is shorter than the store says it is is no part', async () => {
    const store = await openFaulty((_request, response) => {
      const range = { 'content-range': 'bytes 2-5/10', 'content-length': 2 }
      response.writeHead(206, { ...range, 'last-modified': new Date().toUTCString() })
      response.end('23')
    })
    await expect(store.get('a', { offset: 2, lengthBytes: 4 })).rejects.toThrow(UnreachableError)
  })

  test('a conflict of two creates is tried again until one of them has it', async () => {
    const store = await openFaulty((_request, response, count) =>
      count < 4 ? sendError(response, 409, 'ConditionalRequestConflict') : response.end(),
    )
    expect(await store.create('a', body)).toBe('created')
  })

  test('a conflict without end leaves the fate open', async () => {
    const store = await openFaulty((_request, response) =>
      sendError(response, 409, 'ConditionalRequestConflict'),
    )
    await expect(store.create('a', body)).rejects.toThrow(UnreachableError)
  })

  test('every create is conditional, tells its length, and carries no newer checksum', async () => {
    let headers: Record<string, unknown> = {}
    const store = await openFaulty((request, response) => {
      headers = request.headers
      response.end()
    })
    await store.create('a', body)
    expect(headers).toMatchObject({ 'if-none-match': '*', 'content-length': '10' })
    expect(Object.keys(headers).filter((name) => /checksum|trailer|expect/.test(name))).toEqual([])
  })
})

test('a process that is done with its store ends by itself', async () => {
  const script = join(import.meta.dirname, '../support/create-objects.ts')
  const child = spawn(process.execPath, [script, freshS3Url(), 'end', '3', '100', 'x'], {
    stdio: ['pipe', 'ignore', 'inherit'],
    env: { ...process.env, ...s3Environment() },
  })
  child.stdin.end('go\n')
  expect(await once(child, 'exit')).toEqual([0, null])
})

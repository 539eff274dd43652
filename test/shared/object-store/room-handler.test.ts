/** Bodies that come into memory of the caller's: the same answers as otherwise, whatever the store writes and however. */
import type { Socket } from 'node:net'
import tls from 'node:tls'
import { afterEach, expect, onTestFinished, test, vi } from 'vitest'
import {
  StoreRefusedError,
  UnreachableError,
  type ObjectStore,
} from '../../../shared/object-store/object-store.ts'
import { createS3Store } from '../../../shared/object-store/s3-store.ts'
import { issueServing, makeAuthority } from '../../../webhook/certificates/issue.ts'
import { startRawServer, type RawServer } from '../../support/raw-server.ts'

const BODY = 'the very bytes'
const RANGE = { offset: 100, lengthBytes: BODY.length }
const LAST_MODIFIED = 'Last-Modified: Sun, 29 Nov 2026 10:00:00 GMT'
const USUAL = [`Content-Length: ${BODY.length}`, `Content-Range: bytes 100-113/4711`]

afterEach(() => {
  vi.unstubAllEnvs()
})

async function open(
  answer: Parameters<typeof startRawServer>[0],
  { scheme = 'http', host = '127.0.0.1', ...rest }: Partial<Endpoint> = {},
): Promise<{ store: ObjectStore; server: RawServer }> {
  const server = await startRawServer(answer, rest.identity)
  onTestFinished(() => server.stop())
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'id')
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'secret')
  vi.stubEnv('AWS_ENDPOINT_URL_S3', `${scheme}://${host}:${server.port}`)
  const timeouts = { connectMs: 2000, idleMs: 300 }
  const store = await createS3Store({ bucket: 'bucket', prefix: 'p/', timeouts })
  return { store, server }
}

interface Endpoint {
  readonly scheme: string
  readonly host: string
  readonly identity: { readonly key: string; readonly cert: string }
}

function answerText(headers = USUAL, body = BODY, status = '206 Partial Content'): string {
  return [`HTTP/1.1 ${status}`, LAST_MODIFIED, ...headers, '', body].join('\r\n')
}

function newRoom(): Buffer {
  return Buffer.from(new ArrayBuffer(64))
}

test.each([1, 2, 3, 7, 64, 4096])('an answer in pieces of %i bytes is one', async (size) => {
  const { store } = await open(async (socket) => {
    const text = answerText()
    socket.setNoDelay(true)
    for (let at = 0; at < text.length; at += size) {
      socket.write(text.slice(at, at + size), 'latin1')
      await new Promise((done) => setImmediate(done))
    }
  })
  const room = newRoom()
  const found = await store.get('a', { ...RANGE, room })
  expect(found?.body.toString()).toBe(BODY)
  expect(found?.body.buffer).toBe(room.buffer)
  expect(found?.sizeBytes).toBe(4711)
  expect(found?.modifiedAt).toEqual(new Date('2026-11-29T10:00:00Z'))
})

test('what is asked one after the other comes over one connection, signed and for a part', async () => {
  const { store, server } = await open((socket) => void socket.write(answerText()))
  const room = newRoom()
  for (let times = 0; times < 3; times += 1) await store.get('a/b', { ...RANGE, room })
  expect(server.requests.map(({ connection }) => connection)).toEqual([1, 1, 1])
  for (const { head } of server.requests) {
    expect(head).toMatch(/^GET \/bucket\/p\/a\/b\?x-id=GetObject HTTP\/1\.1\r\n/)
    expect(head).toMatch(/^range: bytes=100-113$/im)
    expect(head).toMatch(/^authorization: AWS4-HMAC-SHA256 /im)
  }
})

test('a connection that the store has ended is not asked again', async () => {
  const { store, server } = await open((socket) => void socket.end(answerText()))
  for (let times = 0; times < 3; times += 1) {
    const found = await store.get('a', { ...RANGE, room: newRoom() })
    expect(found?.body.toString()).toBe(BODY)
  }
  expect(new Set(server.requests.map(({ connection }) => connection)).size).toBe(3)
})

const CHUNKED = `5\r\n${BODY.slice(0, 5)}\r\n9\r\n${BODY.slice(5)}\r\n0\r\n\r\n`
const unusual: [string, string, 'is read' | 'is none'][] = [
  ['in chunks', answerText(['Transfer-Encoding: chunked', USUAL[1] ?? ''], CHUNKED), 'is none'],
  ['behind an interim one', `HTTP/1.1 103 Early Hints\r\n\r\n${answerText()}`, 'is read'],
  ['of an older protocol', answerText().replace('HTTP/1.1', 'HTTP/1.0'), 'is read'],
  ['with an endless head', answerText([...USUAL, `X-A: ${'a'.repeat(20_000)}`]), 'is none'],
  ['with two lengths', answerText([...USUAL, 'Content-Length: 13']), 'is none'],
]
test.each(unusual)('an answer %s is left to the ordinary client', async (_how, text, outcome) => {
  const { store, server } = await open((socket) => void socket.write(text, 'latin1'))
  const room = newRoom()
  const calling = store.get('a', { ...RANGE, room })
  if (outcome === 'is none') await expect(calling).rejects.toThrow(UnreachableError)
  else expect((await calling)?.body.toString()).toBe(BODY)
  expect(room.equals(newRoom())).toBe(true)
  expect(server.requests.length).toBeGreaterThan(1)
})

test('bytes behind an answer are not taken for the next one', async () => {
  const evil = answerText(USUAL, 'the evil bytes')
  const { store, server } = await open(
    (socket, count) => void socket.write(answerText() + (count === 1 ? evil : ''), 'latin1'),
  )
  for (let times = 0; times < 3; times += 1) {
    const found = await store.get('a', { ...RANGE, room: newRoom() })
    expect(found?.body.toString()).toBe(BODY)
  }
  expect(new Set(server.requests.map(({ connection }) => connection)).size).toBeGreaterThan(1)
})

test('bytes that come unasked are not taken for an answer', async () => {
  const { store } = await open(async (socket, count) => {
    socket.write(answerText())
    if (count > 1) return
    await new Promise((done) => setTimeout(done, 50))
    socket.write(answerText(USUAL, 'the evil bytes'))
  })
  const first = await store.get('a', { ...RANGE, room: newRoom() })
  await new Promise((done) => setTimeout(done, 100))
  const second = await store.get('a', { ...RANGE, room: newRoom() })
  for (const found of [first, second]) expect(found?.body.toString()).toBe(BODY)
})

const broken: [string, (socket: Socket) => void][] = [
  ['ended', (socket) => socket.end()],
  ['reset', (socket) => socket.resetAndDestroy()],
  ['silent', () => undefined],
]
test.each(broken)(
  'a store that is %s within a body brings nothing, and writes nothing later',
  async (_how, leave) => {
    const sockets: Socket[] = []
    const { store, server } = await open((socket) => {
      sockets.push(socket)
      socket.write(answerText(USUAL, BODY.slice(0, 6)), () => leave(socket))
    })
    const room = newRoom()
    await expect(store.get('a', { ...RANGE, room })).rejects.toThrow(UnreachableError)
    expect(server.requests).toHaveLength(3)
    room.fill('.')
    for (const socket of sockets) if (socket.writable) socket.write(BODY.slice(6), () => undefined)
    await new Promise((done) => setTimeout(done, 50))
    expect(room.equals(Buffer.alloc(room.length, '.'))).toBe(true)
  },
)

test('a part that the store serves as the whole is refused, however long that is', async () => {
  const whole = BODY.repeat(100)
  const headers = [`Content-Length: ${whole.length}`]
  const { store } = await open((socket) => void socket.write(answerText(headers, whole, '200 OK')))
  const calling = store.get('a', { ...RANGE, room: newRoom() })
  await expect(calling).rejects.toThrow(StoreRefusedError)
})

test('what is not there is undefined', async () => {
  const error = '<Error><Code>NoSuchKey</Code></Error>'
  const headers = [`Content-Length: ${error.length}`]
  const { store, server } = await open(
    (socket) => void socket.write(answerText(headers, error, '404 Not Found')),
  )
  expect(await store.get('a', { ...RANGE, room: newRoom() })).toBeUndefined()
  expect(server.requests.length).toBeGreaterThan(0)
})

const answerUsually = (socket: Socket) => void socket.write(answerText())

async function read({ store }: { store: ObjectStore }) {
  return store.get('a', { ...RANGE, room: newRoom() })
}

test('over TLS, a store is read whose certificate is trusted, and is for its name', async () => {
  const authority = await makeAuthority(new Date(), 1)
  const { certificate: cert, key } = await issueServing(authority, ['127.0.0.1'], new Date(), 1)
  const at = { scheme: 'https', identity: { key, cert } }

  const untrusted = read(await open(answerUsually, at))
  await expect(untrusted).rejects.toThrow(StoreRefusedError)
  await expect(untrusted).rejects.toThrow('no TLS connection comes about')

  const trusted = tls.getCACertificates('default')
  tls.setDefaultCACertificates([...trusted, authority.certificate])
  onTestFinished(() => tls.setDefaultCACertificates(trusted))
  const known = await open(answerUsually, at)
  expect((await read(known))?.body.toString()).toBe(BODY)
  expect((await read(known))?.body.toString()).toBe(BODY)
  expect(known.server.requests.map(({ connection }) => connection)).toEqual([1, 1])
  const misnamed = read(await open(answerUsually, { ...at, host: 'localhost' }))
  await expect(misnamed).rejects.toThrow(StoreRefusedError)
})

test('a store that nobody can reach is unreachable', async () => {
  const { store, server } = await open(() => undefined)
  await server.stop()
  await expect(store.get('a', { ...RANGE, room: newRoom() })).rejects.toThrow('ECONNREFUSED')
})

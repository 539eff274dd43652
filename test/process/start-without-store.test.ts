/** What a start does without its store: one that is down, refuses it, or cannot be opened. */
import net from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { createPod, freePort, temporaryFolder } from '../support/agent-pod.ts'
import { isShipped } from '../support/repository-view.ts'
import { freshS3Url, s3Environment } from '../support/s3-url.ts'
import { expectHeld } from './held-start.ts'
import { pastStream } from './past-stream.ts'

/** The environment of a store at which nobody listens. */
async function down(): Promise<Record<string, string>> {
  return { ...s3Environment(), AWS_ENDPOINT_URL_S3: `http://127.0.0.1:${await freePort()}` }
}

describe('a store that does not answer', () => {
  test('holds a start without marks, which ends at once when it is told to', async () => {
    const pod = await createPod({ store: freshS3Url(), env: await down() })
    pod.write('unproven', 'nobody knows whose this is')
    const agent = await expectHeld(pod, undefined, /no connection, or a broken one/)
    expect(await agent.stop()).toEqual({ code: 0, signal: null })
    expect(agent.wasReady).toBe(false)
  })

  test('lets an app go whose marks are clean, and is joined when it is back', async () => {
    const store = freshS3Url()
    const { view, volume } = await pastStream({ store, env: s3Environment() })
    const endpoint = new URL(s3Environment()['AWS_ENDPOINT_URL_S3'] ?? '')
    const gate = await openGate(endpoint)
    const env = { ...s3Environment(), AWS_ENDPOINT_URL_S3: gate.url }
    const pod = await createPod({ store, volume, env })
    const latest = await view.latest()
    const agent = pod.start()
    await agent.ready()
    pod.write('while it was down', 'the app went on')
    expect(await view.latest()).toBe(latest)
    await agent.until('it says what is wrong', async () => (await agent.health()).problem !== '')
    gate.open()
    await isShipped(agent, pod, view)
    expect((await agent.health()).line).toBe('main')
    expect(await agent.stop()).toEqual({ code: 0, signal: null })
  })
})

/** A proxy that drops every connection until it is opened. */
async function openGate(endpoint: URL): Promise<{ url: string; open: () => void }> {
  let isOpen = false
  const server = net.createServer((socket) => {
    socket.on('error', () => socket.destroy())
    if (!isOpen) return void socket.destroy()
    const upstream = net.connect(Number(endpoint.port), endpoint.hostname)
    upstream.on('error', () => socket.destroy())
    socket.pipe(upstream).pipe(socket)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  const { port } = server.address() as { port: number }
  return {
    url: `http://127.0.0.1:${port}`,
    open: () => {
      isOpen = true
    },
  }
}

test('wrong credentials are one sentence, and never "no history"', async () => {
  const store = freshS3Url()
  const { view } = await pastStream({ store, env: s3Environment() })
  const env = { ...s3Environment(), AWS_SECRET_ACCESS_KEY: 'wrong' }
  const pod = await createPod({ store, env, whenEmpty: 'fresh' })
  await expectHeld(pod, view, /does not accept these credentials/)
})

test('no credentials at all are one sentence, too', async () => {
  const store = freshS3Url()
  const env = {
    ...s3Environment(),
    AWS_ACCESS_KEY_ID: '',
    AWS_SECRET_ACCESS_KEY: '',
    HOME: temporaryFolder(),
  }
  await expectHeld(await createPod({ store, env }), undefined, /no credentials were found/)
})

test.each([
  ['s3://bucket/prefix', /no AWS region is configured/],
  ['gopher://hole', /allowed are s3:/],
  ['file:relative', /allowed are s3:/],
])('a store %s that cannot be opened holds the start and says why', async (store, words) => {
  const env = { AWS_ENDPOINT_URL_S3: '', AWS_REGION: '', HOME: temporaryFolder() }
  const agent = await expectHeld(await createPod({ store, env }), undefined, words)
  expect(await agent.stop()).toEqual({ code: 0, signal: null })
})

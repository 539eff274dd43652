/** What a start promises for every volume and store that it may find. */
import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { createPod, freePort, temporaryFolder, type PodOptions } from '../support/agent-pod.ts'
import type { AgentProcess } from '../support/agent-process.ts'
import { hashOf, isShipped, treeOf, viewRepository } from '../support/repository-view.ts'
import type { RepositoryView } from '../support/repository-view.ts'
import { freshS3Url, s3Environment } from '../support/s3-url.ts'

interface Past {
  readonly store: string
  readonly view: RepositoryView
  readonly volume: string
}

/** A stream with one version, its writer ended in order, and the volume that it left. */
async function past(options: Partial<PodOptions> = {}, bytes = 100): Promise<Past> {
  const store = options.store ?? `file://${temporaryFolder()}/store`
  const volume = temporaryFolder()
  const pod = await createPod({ store, volume, ...options })
  pod.write('orders/1', 'first')
  pod.write('large', Buffer.alloc(bytes, 'x'))
  const view = await viewRepository(store)
  const agent = pod.start()
  // The view compares files of one chunk only; what is left is shipped at the end.
  await agent.until('a version', async () => (await view.latest()) > 0)
  expect(await agent.stop()).toEqual({ code: 0, signal: null })
  return { store, view, volume }
}

/** It holds the app with these words, `agent wait` prints them at once, and nothing is changed: no byte, no record. */
async function expectHeld(
  pod: Awaited<ReturnType<typeof createPod>>,
  view: RepositoryView | undefined,
  words: RegExp,
): Promise<AgentProcess> {
  const before = fs.existsSync(pod.data) ? treeOf(pod.data) : {}
  const newest = await view?.newest()
  const agent = pod.start()
  const waited = await agent.wait()
  expect(waited.text).toMatch(words)
  expect(waited.code).toBe(1)
  expect(waited.ms).toBeLessThan(5000)
  expect(waited.text.split('\n')).toHaveLength(1)
  expect(agent.wasReady).toBe(false)
  expect(fs.existsSync(pod.data) ? treeOf(pod.data) : {}).toEqual(before)
  expect(await view?.newest()).toBe(newest)
  expect(agent.words).not.toMatch(/^\s+at /m)
  return agent
}

describe('an empty volume with history', () => {
  test('resumes', async () => {
    const { store, view } = await past()
    const pod = await createPod({ store })
    await pod.start().ready()
    expect(treeOf(pod.data)).toEqual(await view.tree(await view.latest()))
  })

  test('stays empty where the declaration says fresh, and the history stays', async () => {
    const { store, view } = await past()
    const latest = await view.latest()
    const pod = await createPod({ store, whenEmpty: 'fresh' })
    const agent = pod.start()
    await agent.ready()
    expect(fs.readdirSync(pod.data)).toEqual([])
    pod.write('new', 'a new beginning')
    await isShipped(agent, pod, view)
    expect(await view.tree(latest)).toHaveProperty('orders/1')
  })

  test('holds where the declaration says fail', async () => {
    const { store, view } = await past()
    await expectHeld(await createPod({ store, whenEmpty: 'fail' }), view, /whenEmpty: fail/)
  })
})

describe('a mark that cannot be right stops the start with one sentence', () => {
  test('of another stream', async () => {
    const { store, view, volume } = await past()
    const pod = await createPod({ store, volume, app: 'other' })
    const agent = await expectHeld(pod, view, /belongs to stream market\/shop\/0.*market\/other\/0/)
    expect(await agent.stop()).toEqual({ code: 0, signal: null })
  })

  test('ahead of the log, because the store is another one', async () => {
    const { volume } = await past()
    const swapped = `file://${temporaryFolder()}/other`
    const pod = await createPod({ store: swapped, volume })
    await expectHeld(pod, await viewRepository(swapped), /which the repository does not have/)
  })
})

test('a volume that is not there holds the start', async () => {
  const { store, view } = await past()
  const pod = await createPod({ store })
  fs.rmdirSync(pod.data)
  const agent = await expectHeld(pod, view, /the volume at .*\/data is not there/)
  expect(await agent.stop()).toEqual({ code: 0, signal: null })
})

async function boundPod() {
  const pod = await createPod({ store: `file://${temporaryFolder()}/store`, bound: true })
  pod.write('open', 'anybody reads this')
  pod.write('directory/inside', 'in a directory')
  pod.write('secret', 'not for everyone')
  const view = await viewRepository(pod.assignment.store)
  const agent = pod.start()
  await isShipped(agent, pod, view)
  return { pod, agent, view, tree: treeOf(pod.data) }
}

describe('what its user may not read', () => {
  test('a file: the version is partial, lists it, and carries on what it was', async () => {
    const { pod, agent, view, tree } = await boundPod()
    fs.chmodSync(path.join(pod.data, 'secret'), 0o000)
    pod.write('open', 'changed')
    await agent.until('a partial version', async () => !(await agent.health()).lastComplete)
    const newest = (await view.versions()).at(-1)
    expect(newest?.complete).toBe(false)
    expect(newest?.faults.unreadable).toBe(1)
    const kept = await view.tree(newest?.n ?? 0)
    expect(kept).toEqual({ ...tree, open: hashOf('changed') })
    fs.chmodSync(path.join(pod.data, 'secret'), 0o600)
    await agent.until('a complete version', async () => (await agent.health()).lastComplete)
  })

  test('a directory: its entries are carried on stale, nothing in it is deleted', async () => {
    const { pod, agent, view, tree } = await boundPod()
    fs.chmodSync(path.join(pod.data, 'directory'), 0o000)
    pod.write('open', 'changed')
    await agent.until('a partial version', async () => !(await agent.health()).lastComplete)
    expect(await view.tree(await view.latest())).toEqual({ ...tree, open: hashOf('changed') })
  })

  test('anything at all, before a restore: what cannot be saved is not overwritten', async () => {
    const { pod, agent, view } = await boundPod()
    const first = (await view.versions())[0]?.n
    pod.write('open', 'changed')
    await isShipped(agent, pod, view)
    await agent.stop()
    fs.chmodSync(path.join(pod.data, 'secret'), 0o000)
    const { store } = pod.assignment
    const pinned = await createPod({ store, volume: pod.data, bound: true, pin: `v${first}` })
    await expectHeld(pinned, undefined, /secret.*EACCES/)
    expect(pod.read('open')).toBe('changed')
  })
})

test('what one declared path holds is saved before a restore, also when another one has gone', async () => {
  const both = ['orders', 'letters'].map((name) => {
    return { path: `/data/${name}`, at: `/data/${name}`, as: 'files' as const, exclude: [] }
  })
  const store = `file://${temporaryFolder()}/store`
  const volume = temporaryFolder()
  const pod = await createPod({ store, volume, paths: both })
  pod.write('orders/order', 'an order')
  pod.write('letters/letter', 'a letter')
  const view = await viewRepository(store)
  const agent = pod.start()
  await agent.until('both are shipped', async () => {
    const kept = await view.everything()
    return kept.has(hashOf('an order')) && kept.has(hashOf('a letter'))
  })
  await agent.stop()
  const first = await view.latest()
  pod.write('orders/order', 'changed while nobody shipped')
  fs.rmSync(path.join(pod.data, 'letters'), { recursive: true })
  const pinned = await createPod({ store, volume, paths: both, pin: `v${first}` })
  await pinned.start().ready()
  expect(pinned.read('orders/order')).toBe('an order')
  expect(pinned.read('letters/letter')).toBe('a letter')
  expect(await view.everything()).toContain(hashOf('changed while nobody shipped'))
})

async function running() {
  const { store, view, volume } = await past()
  const pod = await createPod({ store, volume })
  const agent = pod.start()
  await agent.ready()
  pod.write('more', 'of it')
  await isShipped(agent, pod, view)
  return { pod, agent, view, volume, latest: await view.latest() }
}

describe('a volume that goes while the app runs commits nothing, and /healthz says why', () => {
  test('emptied', async () => {
    const { agent, view, volume, latest } = await running()
    for (const name of fs.readdirSync(volume))
      fs.rmSync(path.join(volume, name), { recursive: true })
    await agent.until('it says so', async () => (await agent.health()).problem.includes('is empty'))
    expect(await agent.metrics()).toMatch(/^holdfast_blocked\{[^}]*\} 1$/m)
    expect(await view.latest()).toBe(latest)
    fs.writeFileSync(path.join(volume, 'back'), 'again')
    await agent.until('it goes on', async () => (await view.latest()) > latest)
  })

  test('swapped for another', async () => {
    const { agent, view, volume, latest } = await running()
    const aside = `${volume}-aside`
    onTestFinished(() => fs.rmSync(aside, { recursive: true, force: true }))
    fs.renameSync(volume, aside)
    fs.mkdirSync(volume)
    fs.writeFileSync(path.join(volume, 'foreign'), 'not of this app')
    await agent.stop()
    expect(await view.latest()).toBe(latest)
    expect(agent.words).toMatch(/nothing is committed until it is back/)
  })

  test('missing', async () => {
    const { agent, view, volume, latest } = await running()
    fs.rmSync(volume, { recursive: true })
    await agent.stop()
    expect(await view.latest()).toBe(latest)
    expect(agent.words).toMatch(/nothing is committed until it is back/)
  })
})

describe('room', () => {
  test('a sizeLimit that the version exceeds holds the start with both numbers', async () => {
    const { store, view } = await past({}, 3 * 1024 ** 2)
    const volumes = [{ at: '/data', sizeLimitBytes: 2 * 1024 ** 2, memory: false }]
    const words = /limited to 2\.0 MiB, the version holds 3\.0 MiB/
    await expectHeld(await createPod({ store, volumes }), view, words)
  })

  test('a file system that is too small holds the start with both numbers', async (context) => {
    const { store, view } = await past({}, 3 * 1024 ** 2)
    const small = temporaryFolder()
    if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'none', small]).status !== 0) {
      console.log('not tested: no small file system, because this user may not mount a tmpfs')
      return context.skip()
    }
    onTestFinished(() => void spawnSync('umount', ['-l', small]))
    const pod = await createPod({ store, volume: small })
    await expectHeld(pod, view, /has 1\.0 MiB free, the version needs \d+\.\d MiB more/)
  })
})

test.each([
  ['v9999', /cannot restore v9999: stream market\/shop\/0 has no v9999/],
  ['never-made', /cannot restore never-made: .*no version tagged "never-made"/],
])('a pin to %s, which is not there, holds the start and says so', async (pin, words) => {
  const { store, view, volume } = await past()
  const agent = await expectHeld(await createPod({ store, volume, pin }), view, words)
  expect(await agent.stop()).toEqual({ code: 0, signal: null })
})

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
    const { view, volume } = await past({ store, env: s3Environment() })
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
  const net = await import('node:net')
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
  const { view } = await past({ store, env: s3Environment() })
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

/** Real agents in an encrypted namespace: what they need the key for, and what they do without the right one. */
import { randomBytes } from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { keyIdOfHeader } from '../../shared/encryption/sealed-header.ts'
import { MAGIC, readHeader } from '../../shared/repository/object-file.ts'
import { packsPrefix, versionKey, wrapKey } from '../../shared/repository/object-keys.ts'
import { loadManifest, openVersion } from '../../shared/repository/version-object.ts'
import { holdfastHere } from '../cli/command.ts'
import { createPod, temporaryFolder } from '../support/agent-pod.ts'
import type { AgentPod } from '../support/agent-pod.ts'
import { isShipped, treeOf, viewRepository } from '../support/repository-view.ts'
import type { RepositoryView } from '../support/repository-view.ts'
import { freshS3Url, s3Environment } from '../support/s3-url.ts'

const STREAM = { namespace: 'market', app: 'shop', slot: '0' }
const CONTENT = 'four pears and a fig, for mallory alone'

const newKey = () => randomBytes(32).toString('base64')
const directory = () => `file://${temporaryFolder()}/store`

/** `holdfast key …` with keys of its own in the environment. */
async function keyCommand(
  verb: string,
  store: string,
  environment: Record<string, string>,
  ...more: string[]
) {
  Object.assign(process.env, environment)
  try {
    const { code, stderr } = await holdfastHere(
      'key',
      verb,
      '--store',
      store,
      '--namespace',
      'market',
      ...more,
    )
    expect(code, stderr).toBe(0)
  } finally {
    for (const name of Object.keys(environment)) delete process.env[name]
  }
}

async function encrypted(store: string): Promise<{ key: string; view: RepositoryView }> {
  const key = newKey()
  await keyCommand('init', store, { HOLDFAST_KEY: key })
  return { key, view: await viewRepository(store, key) }
}

/** What the bucket shows to whoever can read all of it. */
async function everyByte({ store }: RepositoryView): Promise<Buffer> {
  const bodies = (await store.list('')).map(async ({ key }) => (await store.get(key))?.body)
  return Buffer.concat((await Promise.all(bodies)).flatMap((body) => body ?? []))
}

async function holdsWith(
  options: { store: string; key?: string; env?: Record<string, string> },
  why: RegExp,
): Promise<AgentPod> {
  const { store, key, env = {} } = options
  const pod = await createPod({
    store,
    env: key === undefined ? env : { ...env, HOLDFAST_KEY: key },
  })
  const agent = pod.start()
  expect(await agent.holding()).toMatch(why)
  expect(agent.wasReady).toBe(false)
  expect(treeOf(pod.data)).toEqual({})
  await agent.kill()
  return pod
}

test.each([{ s3: false }, { s3: true }])(
  'what an agent ships, another one restores, through a kill, and nobody else reads (S3: $s3)',
  async ({ s3 }) => {
    const store = s3 ? freshS3Url() : directory()
    const { key, view } = await encrypted(store)
    const options = { store, env: { ...(s3 ? s3Environment() : {}), HOLDFAST_KEY: key } }
    const pod = await createPod(options)
    pod.write('accounts/mallory.txt', CONTENT)
    pod.write('media', randomBytes(2_500_000))
    const first = pod.start()
    await isSealed(first, pod, view)
    await first.kill()
    pod.write('accounts/trent.txt', `${CONTENT}, and trent`)
    const second = pod.start()
    await isSealed(second, pod, view)
    expect(await second.stop()).toEqual({ code: 0, signal: null })

    const next = await createPod(options)
    await next.start().ready()
    expect(treeOf(next.data)).toEqual(treeOf(pod.data))
    const bytes = await everyByte(view)
    for (const secret of [CONTENT, 'mallory', 'trent', 'accounts', 'media', '/data', 'pears'])
      expect(bytes.includes(secret), secret).toBe(false)
  },
)

/** Some files have several chunks: it is restored, and compared. */
async function isSealed(agent: ReturnType<AgentPod['start']>, pod: AgentPod, view: RepositoryView) {
  const into = path.join(temporaryFolder(), 'restored')
  await agent.until('latest is what the volume holds', async () => {
    const latest = await view.latest()
    if (latest === 0) return false
    fs.rmSync(into, { recursive: true, force: true })
    const tree = await view.restore(latest, into)
    return JSON.stringify(tree) === JSON.stringify(treeOf(pod.data))
  })
}

test('without the key, with another one, or where it is damaged, the start holds, and each says why', async () => {
  const store = directory()
  const { key, view } = await encrypted(store)
  const pod = await createPod({ store, env: { HOLDFAST_KEY: key } })
  pod.write('a', CONTENT)
  const agent = pod.start()
  await isShipped(agent, pod, view)
  await agent.stop()
  const newest = await view.newest()

  await holdsWith(
    { store },
    /namespace market .* is encrypted, and no key is given: set HOLDFAST_KEY/,
  )
  await holdsWith(
    { store, key: newKey() },
    /key in HOLDFAST_KEY is not the one of namespace market/,
  )
  const clear = directory()
  await holdsWith(
    { store: clear, key },
    /namespace market has no key .*"holdfast key init" makes one/,
  )
  const silent = { ...s3Environment(), AWS_ENDPOINT_URL_S3: 'http://127.0.0.1:9' }
  await holdsWith({ store: 's3://bucket/prefix', key, env: silent }, /^the store does not answer: /)
  expect(await view.newest()).toBe(newest)

  const wrap = path.join(store.slice('file://'.length), wrapKey('market', 1))
  const body = fs.readFileSync(wrap)
  fs.chmodSync(wrap, 0o644)
  fs.writeFileSync(
    wrap,
    Buffer.concat([body.subarray(0, -100), Buffer.from('x'), body.subarray(-99)]),
  )
  await holdsWith({ store, key }, /object v1\/keys\/market\/.* is corrupt/)
  expect(await view.newest()).toBe(newest)
})

test('a key that reads wrong ends the agent with a sentence that does not show it', async () => {
  const pod = await createPod({ store: directory(), env: { HOLDFAST_KEY: 'my-secret-passphrase' } })
  const agent = pod.start()
  expect((await agent.exited).code).toBe(2)
  expect(agent.words).toMatch(/HOLDFAST_KEY holds 20 characters that are no key/)
  expect(agent.words).not.toContain('passphrase')
})

test('a rotation leaves running agents alone; the next start takes the new key, and the old one opens no more', async () => {
  const store = directory()
  const { key, view } = await encrypted(store)
  const pod = await createPod({ store, env: { HOLDFAST_KEY: key } })
  pod.write('a', 'before')
  const agent = pod.start()
  await isShipped(agent, pod, view)
  const next = newKey()
  const keys = { HOLDFAST_KEY: key, HOLDFAST_NEW_KEY: next }
  await keyCommand('rotate', store, keys, '--remove-old')
  pod.write('a', 'after')
  await isShipped(agent, pod, view)
  await agent.kill()
  const again = pod.start({ env: { HOLDFAST_KEY: next } })
  pod.write('b', 'with the new one')
  await isShipped(again, pod, await viewRepository(store, next))
  await holdsWith({ store, key }, /is not the one of namespace market/)
})

test('a superseded agent ships on beside the main line, sealed as well', async () => {
  const store = directory()
  const { key, view } = await encrypted(store)
  const options = { store, env: { HOLDFAST_KEY: key } }
  const older = await createPod({ ...options, name: 'shop-older' })
  older.write('shared', CONTENT)
  const olderAgent = older.start()
  await isShipped(olderAgent, older, view)
  const newer = await createPod({ ...options, name: 'shop-newer' })
  const newerAgent = newer.start()
  await newerAgent.ready()
  expect(newer.read('shared')).toBe(CONTENT)
  newer.write('shared', 'by the newer one')
  await isShipped(newerAgent, newer, view)
  older.write('more', 'by the older one')
  await olderAgent.until('its branch holds what it has', async () => {
    const branch = (await view.versions()).findLast((record) => record.branch)
    return branch !== undefined && view.isVersion(branch.n, treeOf(older.data))
  })
  const keys = (await view.versions()).map((record) => record.key)
  expect(new Set(keys).size).toBe(1)
  expect(keys[0]).toBeDefined()
})

/** A stream in clear whose next agent finds a key, and a file that it may not read. */
async function becomesSealed(before: (view: RepositoryView) => Promise<void>) {
  const store = directory()
  const plain = await viewRepository(store)
  const pod = await createPod({ store, bound: true })
  pod.write('open', CONTENT)
  pod.write('closed', 'what nobody may read now')
  const agent = pod.start()
  await isShipped(agent, pod, plain)
  await agent.stop()
  const last = await plain.latest()
  const { key, view } = await encrypted(store)
  fs.chmodSync(path.join(pod.data, 'closed'), 0)
  await before(view)
  const next = pod.start({ env: { HOLDFAST_KEY: key } })
  await next.until('a sealed version', async () => (await view.latest()) > last)
  await next.stop()
  return { view, last, sealed: await view.latest(), store, key }
}

test('a stream in clear goes on sealed: in full, and with what cannot be read as it was', async () => {
  const { view, last, sealed, store, key } = await becomesSealed(() => Promise.resolve())
  const record = await openVersion(view.log, sealed)
  expect(record).toMatchObject({
    complete: false,
    manifest: { base: 0 },
    roots: [{ path: '/data' }],
  })
  const header = (await readHeader(view.store, versionKey(STREAM, sealed)))?.header
  expect(keyIdOfHeader(header)).toBe(record.key)
  const into = temporaryFolder()
  await view.restore(sealed, path.join(into, 'sealed'))
  expect(fs.readFileSync(path.join(into, 'sealed/closed'), 'utf8')).toBe('what nobody may read now')
  await view.restore(last, path.join(into, 'plain'))
  expect(treeOf(path.join(into, 'sealed'))).toEqual(treeOf(path.join(into, 'plain')))
  // Nothing sealed needs anything in clear: it restores without it.
  await view.store.delete(versionKey(STREAM, last))
  for (const { key: pack } of await view.store.list(packsPrefix(STREAM)))
    await view.store.delete(pack)
  expect(
    await (await viewRepository(store, key)).restore(sealed, path.join(into, 'again')),
  ).toEqual(treeOf(path.join(into, 'plain')))
})

test('what can be read neither here nor in the version before is left out, and listed', async () => {
  const { view, sealed } = await becomesSealed(async (before) => {
    const { store, log } = before
    const { n, manifest } = await openVersion(log, await before.latest())
    const object = path.join(store.url.slice('file://'.length), versionKey(STREAM, n))
    const body = fs.readFileSync(object)
    fs.chmodSync(object, 0o644)
    fs.writeFileSync(object, body.fill(0, MAGIC.length, manifest.offset))
  })
  const { entries, faults } = await loadManifest(view.store, view.log, sealed)
  expect([...entries.keys()].toSorted()).toEqual(['0', '0/open'])
  expect(faults).toEqual([{ name: '0/closed', kind: 'unreadable', why: 'EACCES' }])
})

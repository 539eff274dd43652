/** What verify has found to be lost, and the agent still has, is shipped again; older versions stay as they are. */
import { randomBytes } from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { versionKey } from '../../shared/repository/object-keys.ts'
import { requireVersion } from '../../shared/repository/version-object.ts'
import { holdfastHere } from '../cli/command.ts'
import { createPod, temporaryFolder, type AgentPod } from '../support/agent-pod.ts'
import type { AgentProcess } from '../support/agent-process.ts'
import type { RepositoryView, Tree } from '../support/repository-view.ts'
import { isShipped, treeOf, viewRepository } from '../support/repository-view.ts'
import { freshS3Url, s3Environment } from '../support/s3-url.ts'

const STREAM = 'market/shop/0'
const PACKS = `v1/streams/${STREAM}/packs/`
/** Behind the first line of an object its frames begin. */
const IN_FIRST_FRAME = 20

interface World {
  readonly folder: string
  readonly store: string
  readonly view: RepositoryView
  readonly pod: AgentPod
  readonly agent: AgentProcess
  /** `small`, in the version object itself. */
  readonly first: number
  /** The version with the pack. */
  readonly second: number
}

async function shipped(s3: boolean, bound = false): Promise<World> {
  const folder = temporaryFolder()
  const store = s3 ? freshS3Url() : `file://${folder}/store`
  const view = await viewRepository(store)
  const pod = await createPod({ store, env: s3 ? s3Environment() : {}, bound })
  pod.write('small', 'in the version object itself')
  const agent = pod.start()
  await isShipped(agent, pod, view)
  const first = await view.latest()
  for (let file = 0; file < 8; file += 1) pod.write(`packed/${file}`, randomBytes(200 * 1024))
  await isShipped(agent, pod, view)
  const second = await view.latest()
  pod.write('other', 'a delta against the version before')
  await isShipped(agent, pod, view)
  return { folder, store, view, pod, agent, first, second }
}

async function replace({ view }: World, key: string, change: (body: Buffer) => Buffer | undefined) {
  const object = await view.store.get(key)
  const changed = change(Buffer.from(object?.body ?? ''))
  await view.store.delete(key)
  if (changed !== undefined) expect(await view.store.create(key, changed)).toBe('created')
}

function flip(body: Buffer): Buffer {
  body.writeUInt8(body.readUInt8(IN_FIRST_FRAME) ^ 1, IN_FIRST_FRAME)
  return body
}

async function packKey({ view }: World): Promise<string> {
  return (await view.store.list(PACKS))[0]?.key ?? ''
}

interface Damage {
  readonly what: string
  readonly harm: (world: World) => Promise<void>
  /** Files that verify names. */
  readonly named: RegExp
  /** What a restore of the version with the pack brings; undefined: nothing. */
  readonly left: ((tree: Tree) => Tree) | undefined
}

const without = (tree: Tree, gone: RegExp) =>
  Object.fromEntries(Object.entries(tree).filter(([name]) => !gone.test(name)))

const DAMAGES: readonly Damage[] = [
  {
    what: 'a bit in a pack',
    harm: async (world) => replace(world, await packKey(world), flip),
    named: /\/data\/packed\/0/,
    left: (tree) => without(tree, /^(packed\/0|other)$/),
  },
  {
    what: 'a pack that is gone',
    harm: async (world) => replace(world, await packKey(world), () => undefined),
    named: /\/data\/packed\/0/,
    left: (tree) => without(tree, /^(packed\/\d|other)$/),
  },
  {
    what: 'a bit in the bytes that a version object holds itself',
    harm: (world) => replace(world, versionKey(world.view.log.stream, world.first), flip),
    named: /\/data\/small/,
    left: (tree) => without(tree, /^(small|other)$/),
  },
  {
    what: 'a version object that is cut off, under the manifests of all later ones',
    harm: (world) =>
      replace(world, versionKey(world.view.log.stream, world.first), (body) =>
        body.subarray(0, -9),
      ),
    named: /\(all of it\)/,
    left: undefined,
  },
]

async function backup({ pod, agent }: World): Promise<AgentProcess> {
  pod.annotate({ 'holdfast.dev/injected': 'process-test', 'holdfast.dev/backup': 'again' })
  await agent.logged('the tag', ({ msg }) => msg.startsWith('backup again is v'))
  return agent
}

/** In the same pod: its app runs, so nothing of the volume is touched. */
async function restart({ pod, agent, view }: World): Promise<AgentProcess> {
  const before = await view.latest()
  await agent.kill()
  const next = pod.start()
  await next.until('a new version', async () => (await view.latest()) > before)
  return next
}

/** A new pod on the same volume, which is newer than anything in the repository: nothing has to be restored. */
async function reschedule(world: World): Promise<AgentProcess> {
  const before = await world.view.latest()
  expect(await world.agent.stop()).toEqual({ code: 0, signal: null })
  const { store, pod } = world
  const env = store.startsWith('s3') ? s3Environment() : {}
  const next = await createPod({ store, env, volume: pod.data })
  const agent = next.start()
  await agent.until('a new version', async () => (await world.view.latest()) > before)
  return agent
}

async function restore({ store, folder }: World, version: string) {
  const to = path.join(folder, version)
  const words = ['restore', '--store', store, '--stream', STREAM, '--to', to]
  const { code } = await holdfastHere(...words, '--version', version)
  return { code, tree: code === 1 ? {} : treeOf(to) }
}

const CASES = DAMAGES.flatMap((damage) =>
  [
    { way: backup, s3: false },
    { way: restart, s3: true },
    { way: reschedule, s3: false },
  ].map((how) => ({ ...damage, ...how, what: `${damage.what}, ${how.way.name}, S3: ${how.s3}` })),
)

test.each(CASES)('$what: all of it is shipped again', async ({ harm, named, left, way, s3 }) => {
  const world = await shipped(s3)
  const { store, pod, second, view } = world
  await harm(world)
  const verify = ['verify', '--store', store, '--stream', STREAM]
  const found = await holdfastHere(...verify, '--all')
  expect(found).toMatchObject({ code: 3, stdout: expect.stringMatching(named) as string })

  const agent = await way(world)
  const latest = await view.latest()
  const sound = await holdfastHere(...verify, '--all', '--version', `v${latest}`)
  expect(sound, sound.stdout).toMatchObject({ code: 0 })
  expect(await restore(world, 'latest')).toEqual({ code: 0, tree: treeOf(pod.data) })
  const old = await restore(world, `v${second}`)
  if (left === undefined) expect(old.code).toBe(1)
  else expect(old).toEqual({ code: 3, tree: left(treeOf(pod.data)) })

  // Once it is shipped, the notices ask for nothing more.
  pod.write('other', 'changed')
  await isShipped(agent, pod, view)
  const { changed } = (await requireVersion(view.log, await view.latest())).added
  expect(changed).toBe(1)
  expect(await agent.stop()).toEqual({ code: 0, signal: null })
})

test('a file that cannot be read now keeps its reference, and verify goes on naming it', async () => {
  const world = await shipped(false, true)
  const { store, pod, agent, view } = world
  const closed = path.join(pod.data, 'packed/0')
  fs.chmodSync(closed, 0)
  await replace(world, await packKey(world), () => undefined)
  const verify = ['verify', '--store', store, '--stream', STREAM, '--all']
  expect((await holdfastHere(...verify)).code).toBe(3)
  await backup(world)
  const latest = await view.latest()
  const found = await holdfastHere(...verify, '--version', `v${latest}`)
  expect(found.code).toBe(3)
  expect(found.stdout).toContain('/data/packed/0')
  expect(found.stdout).not.toContain('/data/packed/1')
  fs.chmodSync(closed, 0o644)
  await agent.until('it is whole again', async () => {
    const now = await view.latest()
    return now > latest && (await holdfastHere(...verify, '--version', `v${now}`)).code === 0
  })
  await agent.stop()
})

test('a start that would have to restore what is damaged holds, and says what to do', async () => {
  const world = await shipped(false)
  expect(await world.agent.stop()).toEqual({ code: 0, signal: null })
  await replace(world, versionKey(world.view.log.stream, world.first), (body) =>
    body.subarray(0, -9),
  )
  const agent = (await createPod({ store: world.store })).start()
  await agent.until('it holds', () => agent.log.some(({ phase }) => phase === 'holding'))
  expect((await agent.wait()).text).toMatch(
    /v\d+ is to be restored, and cannot be read: object .* is corrupt: .*; "holdfast verify" says which versions are sound/,
  )
  expect(agent.wasReady).toBe(false)
  await agent.stop()
})

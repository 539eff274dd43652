/** A real agent between `backup.before` and `backup.after`: killed, told to stop, or kept waiting by the store. */
import { randomBytes } from 'node:crypto'
import fs from 'node:fs'
import { expect, onTestFinished, test } from 'vitest'
import { frozenNote } from '../../agent/serve/control.ts'
import { createPod, temporaryFolder, type AgentPod } from '../support/agent-pod.ts'
import { startCountingProxy } from '../support/counting-proxy.ts'
import { startHookServer, type HookServer } from '../support/hook-server.ts'
import { isShipped, treeOf, viewRepository } from '../support/repository-view.ts'
import { freshS3Url, s3Environment } from '../support/s3-url.ts'

const FREEZE = 'POST /freeze'
const THAW = 'POST /thaw'

/** A pod whose app has these hooks; the note of its frozen app goes with the test. */
async function podWithHooks(
  { hook }: HookServer,
  options: { store: string; env?: Record<string, string>; timeoutMs?: number },
): Promise<AgentPod> {
  const { timeoutMs = 2000, ...rest } = options
  const hooks = { before: hook('freeze', 'fail', timeoutMs), after: hook('thaw', 'fail') }
  const pod = await createPod({ ...rest, ...hooks })
  onTestFinished(() => fs.rmSync(frozenNote(pod.uid), { force: true }))
  return pod
}

/** S3 with a gate: while it is shut, nothing but records and versions gets through. */
async function gatedS3() {
  const gate = Promise.withResolvers<void>()
  const proxy = await startCountingProxy(s3Environment()['AWS_ENDPOINT_URL_S3'] ?? '', (request) =>
    /^PUT .*\/packs\//.test(request) ? gate.promise : Promise.resolve(),
  )
  onTestFinished(proxy.stop)
  const isShut = () => proxy.requests.some((request) => /^PUT .*\/packs\//.test(request))
  return { gate, isShut, env: { ...s3Environment(), AWS_ENDPOINT_URL_S3: proxy.endpoint } }
}

/** More than fits into the version itself: the picture is not taken before the store has it. */
function writeMuch(pod: AgentPod): void {
  for (let n = 0; n < 48; n += 1) pod.write(`part-${n}`, randomBytes(100_000))
}

test('an agent killed between the hooks thaws the app when it restarts, and ships on', async () => {
  const server = await startHookServer()
  const pod = await podWithHooks(server, { store: `file://${temporaryFolder()}/store` })
  const killed = pod.start({ crashAfter: 'frozen' })
  await killed.ready()
  pod.write('a', 'one')
  await killed.until('it is killed', () => killed.hasEnded, true)
  expect(server.asked).toEqual([FREEZE])
  expect(fs.existsSync(frozenNote(pod.uid))).toBe(true)

  const view = await viewRepository(pod.assignment.store)
  const agent = pod.start()
  await isShipped(agent, pod, view)
  await agent.until('all is shipped', async () => (await agent.health()).lagSeconds === 0)
  expect(server.asked.slice(0, 3)).toEqual([FREEZE, THAW, FREEZE])
  expect(server.asked.at(-1)).toBe(THAW)
  expect(fs.existsSync(frozenNote(pod.uid))).toBe(false)
})

test('an agent killed while the app was freezing thaws it when it restarts, though the store is down', async () => {
  const server = await startHookServer()
  const pod = await podWithHooks(server, { store: `file://${temporaryFolder()}/store` })
  pod.write('a', 'one')
  server.answers.freeze = () => {
    killed.signal('SIGKILL')
  }
  const killed = pod.start()
  await killed.exited
  expect(server.asked).toEqual([FREEZE])

  fs.renameSync(new URL(pod.assignment.store), `${pod.root}/elsewhere`)
  fs.writeFileSync(new URL(pod.assignment.store), 'no store')
  const agent = pod.start()
  await agent.until('the app is thawed', () => server.asked.length > 1)
  await agent.until('the note is gone', () => !fs.existsSync(frozenNote(pod.uid)))
  expect(server.asked).toEqual([FREEZE, THAW])
})

test('a store that keeps a picture waiting keeps no app frozen: the picture is given up, and taken again', async () => {
  const server = await startHookServer()
  const store = freshS3Url()
  const view = await viewRepository(store)
  const { gate, env, isShut } = await gatedS3()
  const pod = await podWithHooks(server, { store, env, timeoutMs: 500 })
  writeMuch(pod)
  const agent = pod.start()
  await agent.until('the app is thawed', () => server.asked.includes(THAW))
  await agent.until('the picture waits for the store', isShut)
  const words = /^this version is given up, since the app was frozen for 3 s /
  await agent.until('it says so', async () => words.test((await agent.health()).problem))
  expect(server.asked).toEqual([FREEZE, THAW])
  expect(await view.versions()).toEqual([])
  gate.resolve()
  await isShipped(agent, pod, view)
  expect(server.asked.filter((call) => call === FREEZE).length).toBeGreaterThan(1)
})

test('an agent told to stop while the app is frozen thaws it at once, and ships everything', async () => {
  const server = await startHookServer()
  const store = freshS3Url()
  const { gate, env, isShut } = await gatedS3()
  const pod = await podWithHooks(server, { store, env, timeoutMs: 600_000 })
  writeMuch(pod)
  const agent = pod.start()
  await agent.until('the picture waits for the store', isShut)
  expect(server.asked).toEqual([FREEZE])
  agent.signal('SIGTERM')
  await agent.until('the app is thawed', () => server.asked.length === 2)
  expect(server.asked).toEqual([FREEZE, THAW])
  expect(agent.hasEnded).toBe(false)
  gate.resolve()
  expect(await agent.exited).toEqual({ code: 0, signal: null })
  const view = await viewRepository(store)
  expect(await view.tree(await view.latest())).toEqual(treeOf(pod.data))
})

test('an app that cannot be thawed is told of: log, health and metric, and the version stands', async () => {
  const server = await startHookServer()
  server.answers.thaw = 503
  const pod = await podWithHooks(server, { store: `file://${temporaryFolder()}/store` })
  const view = await viewRepository(pod.assignment.store)
  const agent = pod.start()
  await agent.ready()
  pod.write('a', 'one')
  await isShipped(agent, pod, view)
  const words =
    /^the hook backup\.after \(POST .*\/thaw\) answered 503: the app may still be frozen$/
  await agent.logged('the error', ({ level, msg }) => level === 50 && words.test(msg))
  expect(await agent.metrics()).toMatch(/^holdfast_app_frozen\{.*\} 1$/m)
  const versions = await view.versions()

  server.answers.thaw = 200
  await agent.logged('the end of it', ({ msg }) => msg === 'the app is thawed')
  expect(await agent.metrics()).toMatch(/^holdfast_app_frozen\{.*\} 0$/m)
  expect((await view.versions()).slice(0, versions.length)).toEqual(versions)
})

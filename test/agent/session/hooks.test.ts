/** Whatever happens between the two hooks, the app is thawed. The picture is played here; the calls are real HTTP. */
import fs from 'node:fs'
import path from 'node:path'
import { expect, test, vi } from 'vitest'
import type { Picture } from '../../../agent/session/app-state.ts'
import { HookError } from '../../../agent/session/hooks.ts'
import { HoldfastError } from '../../../shared/errors.ts'
import { freePort, temporaryFolder } from '../../support/agent-pod.ts'
import { startHookServer } from '../../support/hook-server.ts'
import { createAgent, PICTURE } from './hooked-agent.ts'

const FREEZE = 'POST /freeze'
const THAW = 'POST /thaw'

test('the app is thawed when the picture is taken, and when it fails', async () => {
  const { asked, hook } = await startHookServer()
  const agent = createAgent({ before: hook('freeze', 'fail'), after: hook('thaw', 'fail') })
  expect(await agent.take()).toBe(PICTURE)
  expect(asked).toEqual([FREEZE, THAW])
  agent.picture.result = () => Promise.reject(new HoldfastError('the disk said no'))
  await expect(agent.take()).rejects.toThrow('the disk said no')
  expect(asked).toEqual([FREEZE, THAW, FREEZE, THAW])
  expect(agent.isNoted()).toBe(false)
})

test('the note is there before the app hears of the freeze, and until it has heard of the thaw', async () => {
  const { answers, hook } = await startHookServer()
  const agent = createAgent({ before: hook('freeze', 'fail'), after: hook('thaw', 'fail') })
  const noted: boolean[] = []
  for (const name of ['freeze', 'thaw'] as const)
    answers[name] = (response) => {
      noted.push(agent.isNoted())
      response.end()
    }
  await agent.take()
  expect([...noted, agent.isNoted()]).toEqual([true, true, false])
})

test.each([
  ['that is silent', 'silence' as const, [FREEZE, THAW]],
  ['that refuses', 500, [FREEZE, THAW]],
])('a before %s may have frozen the app all the same: it is thawed', async (_, answer, calls) => {
  const { asked, answers, hook } = await startHookServer()
  answers.freeze = answer
  const agent = createAgent({ before: hook('freeze', 'fail', 200), after: hook('thaw', 'fail') })
  await expect(agent.take()).rejects.toThrow(HookError)
  expect(agent.picture.taken).toBe(0)
  expect(asked).toEqual(calls)
  expect(agent.isNoted()).toBe(false)
})

test('an app that nobody can reach is not frozen, and need not be thawed', async () => {
  const { asked, hook } = await startHookServer()
  const http = `http://127.0.0.1:${await freePort()}/freeze`
  const before = { http, timeoutMs: 2000, onError: 'fail' as const }
  const agent = createAgent({ before, after: hook('thaw', 'fail') })
  await expect(agent.take()).rejects.toThrow(/^the hook backup\.before .*ECONNREFUSED$/)
  expect(asked).toEqual([])
  expect(agent.isNoted()).toBe(false)
})

test('a redirect is not followed: it may lead out of the pod', async () => {
  const { asked, answers, hook } = await startHookServer()
  answers.freeze = (response) => void response.writeHead(307, { location: '/elsewhere' }).end()
  const agent = createAgent({ before: hook('freeze', 'fail'), after: null })
  await expect(agent.take()).rejects.toThrow(HookError)
  expect(asked).toEqual([FREEZE])
})

test('a picture that takes too long is given up, the app is thawed at once, and it is tried again', async () => {
  const { asked, hook } = await startHookServer()
  const agent = createAgent({ before: hook('freeze', 'fail', 10_000), after: hook('thaw', 'fail') })
  const slow = Promise.withResolvers<Picture>()
  agent.picture.result = () => slow.promise
  const taking = agent.take()
  await vi.waitUntil(() => agent.picture.taken === 1)
  agent.clock.advance(59_999)
  expect(asked).toEqual([FREEZE])
  agent.clock.advance(1)
  await vi.waitUntil(() => asked.length === 2)
  expect(asked).toEqual([FREEZE, THAW])
  const words = /^this version is given up, since the app was frozen for 60 s /
  await vi.waitUntil(() => words.test(agent.status.facts.problem))
  slow.resolve(PICTURE)
  await expect(taking).rejects.toThrow(words)

  agent.picture.result = () => Promise.resolve(PICTURE)
  expect(await agent.take()).toBe(PICTURE)
  expect(asked).toEqual([FREEZE, THAW, FREEZE, THAW])
  expect(agent.picture.atOnce).toBe(1)
})

test('told to stop while the app is frozen, it thaws at once and keeps the picture', async () => {
  const { asked, hook } = await startHookServer()
  const agent = createAgent({ before: hook('freeze', 'fail'), after: hook('thaw', 'fail') })
  const slow = Promise.withResolvers<Picture>()
  agent.picture.result = () => slow.promise
  const taking = agent.take()
  await vi.waitUntil(() => agent.picture.taken === 1)
  agent.stopping.abort()
  await vi.waitUntil(() => asked.length === 2)
  expect(asked).toEqual([FREEZE, THAW])
  slow.resolve(PICTURE)
  expect(await taking).toBe(PICTURE)
})

test('told to stop while before is silent, it thaws at once', async () => {
  const { asked, answers, hook } = await startHookServer()
  answers.freeze = 'silence'
  const before = hook('freeze', 'fail', 600_000)
  const agent = createAgent({ before, after: hook('thaw', 'fail') })
  const taking = agent.take()
  await vi.waitUntil(() => asked.length === 1)
  agent.stopping.abort()
  await expect(taking).rejects.toThrow(HookError)
  expect(asked).toEqual([FREEZE, THAW])
})

test('an after that fails unmakes nothing, is reported, and is called until it is heard', async () => {
  const { asked, answers, hook } = await startHookServer()
  answers.thaw = 503
  const agent = createAgent({ before: hook('freeze', 'fail'), after: hook('thaw', 'fail') })
  expect(await agent.take()).toBe(PICTURE)
  expect(agent.status.facts.frozen).toMatch(/^the hook backup\.after .* answered 503: the app may/)
  for (let calls = 2; calls < 12; calls += 1) {
    await vi.waitUntil(() => asked.length === calls && agent.clock.wakeups.length === 1)
    expect(agent.clock.wakeups[0]).toBeLessThanOrEqual(30_000)
    agent.clock.advance(30_000)
  }
  expect(agent.isNoted()).toBe(true)
  await vi.waitUntil(() => asked.length === 12 && agent.clock.wakeups.length === 1)
  answers.thaw = 200
  agent.clock.advance(30_000)
  await vi.waitUntil(() => agent.status.facts.frozen === '')
  expect(agent.isNoted()).toBe(false)
  expect(asked).toEqual([FREEZE, ...Array.from({ length: 12 }, () => THAW)])
  expect(agent.clock.wakeups).toEqual([])
})

test('an app that could not be thawed is frozen again only where after may fail', async () => {
  const { asked, answers, hook } = await startHookServer()
  answers.thaw = 503
  const strict = createAgent({ before: hook('freeze', 'fail'), after: hook('thaw', 'fail') })
  await strict.take()
  await expect(strict.take()).rejects.toThrow(/^no version is made before the app is thawed: /)
  expect(asked.filter((call) => call === FREEZE)).toHaveLength(1)
  answers.thaw = 200
  expect(await strict.take()).toBe(PICTURE)

  answers.thaw = 503
  const lenient = createAgent({ before: hook('freeze', 'fail'), after: hook('thaw', 'continue') })
  await lenient.take()
  expect(await lenient.take()).toBe(PICTURE)
  expect(lenient.status.facts.frozen).not.toBe('')
  expect(lenient.clock.wakeups).toHaveLength(1) // one loop of calls, not one for each picture
})

test('an agent that finds the note thaws the app first thing, and takes the note away', async () => {
  const { asked, hook } = await startHookServer()
  const declared = { before: hook('freeze', 'fail'), after: hook('thaw', 'fail') }
  const folder = temporaryFolder()
  createAgent(declared, folder).hooks.resume()
  expect(asked).toEqual([])
  fs.writeFileSync(path.join(folder, 'frozen'), '')
  const agent = createAgent(declared, folder)
  agent.hooks.resume()
  await vi.waitUntil(() => !agent.isNoted())
  expect(asked).toEqual([THAW])
  expect(agent.warnings).toEqual([
    'an earlier agent of this pod ended while the app was frozen: thawing it',
  ])
})

test('an agent that is told to stop while after fails tries once more and ends', async () => {
  const { asked, answers, hook } = await startHookServer()
  answers.thaw = 503
  const agent = createAgent({ before: hook('freeze', 'fail'), after: hook('thaw', 'fail') })
  await agent.take()
  agent.stopping.abort()
  await agent.hooks.end()
  expect(asked).toEqual([FREEZE, THAW, THAW])
  expect(agent.isNoted()).toBe(true)
})

test('an app is not frozen where no note of it can be left', async () => {
  const { asked, hook } = await startHookServer()
  const folder = path.join(temporaryFolder(), 'not-there')
  const declared = { before: hook('freeze', 'fail'), after: hook('thaw', 'fail') }
  await expect(createAgent(declared, folder).take()).rejects.toThrow(/was not called: .*ENOENT/)
  expect(asked).toEqual([])
})

test('a picture without changes calls nobody', async () => {
  const { asked, hook } = await startHookServer()
  const agent = createAgent({ before: hook('freeze', 'fail'), after: hook('thaw', 'fail') })
  agent.picture.differs = false
  expect(await agent.take()).toBe(PICTURE)
  expect(asked).toEqual([])
})

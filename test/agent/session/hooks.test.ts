/** Whatever happens between the two hooks, the app is thawed. The picture is played here; the calls are real HTTP. */
import fs from 'node:fs'
import path from 'node:path'
import { expect, test, vi } from 'vitest'
import type { HeldVersion } from '../../../agent/capture/held-version.ts'
import type { Picture } from '../../../agent/session/app-state.ts'
import { AppHooks, HookError } from '../../../agent/session/hooks.ts'
import type { HookRunner } from '../../../agent/session/hook-call.ts'
import { Status } from '../../../agent/session/status.ts'
import { ServiceError } from '../../../agent/service/service.ts'
import { HoldfastError } from '../../../shared/errors.ts'
import type { PackWriter } from '../../../shared/repository/pack-writer.ts'
import type { Assignment } from '../../../shared/sidecar-contract.ts'
import { freePort, temporaryFolder } from '../../support/agent-pod.ts'
import { startHookServer } from '../../support/hook-server.ts'
import { ManualClock } from '../../support/manual-clock.ts'

const PICTURE = {} as Picture
const FREEZE = 'POST /freeze'
const THAW = 'POST /thaw'
const noStep = () => undefined

/** An agent that takes pictures between hooks: `take()` asks for one, `end` says how the running one ends. */
function createAgent(
  hooks: Pick<Assignment, 'before' | 'after'>,
  folder = temporaryFolder(),
  runner: HookRunner = null,
) {
  const clock = new ManualClock()
  const status = new Status()
  const stopping = new AbortController()
  const notePath = path.join(folder, 'frozen')
  const warnings: string[] = []
  const warn = (sentence: string) => {
    warnings.push(sentence)
  }
  const seams = {
    clock,
    status,
    stopping: stopping.signal,
    step: noStep,
    warn,
    notePath,
    runner,
  }
  const appHooks = new AppHooks(hooks, seams)
  let running = 0
  const picture = { taken: 0, atOnce: 0, differs: true, result: () => Promise.resolve(PICTURE) }
  const around = appHooks.around({
    mayDiffer: () => Promise.resolve(picture.differs),
    take: async () => {
      picture.taken += 1
      running += 1
      picture.atOnce = Math.max(picture.atOnce, running)
      return picture.result().finally(() => (running -= 1))
    },
  })
  const take = () => around({} as HeldVersion, {} as PackWriter)
  const isNoted = () => fs.existsSync(notePath)
  return { hooks: appHooks, clock, status, stopping, warnings, picture, take, isNoted, folder }
}

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

/** The service as the hooks see it: what it was asked to run, and how it answers. */
function createRunner() {
  const asked: string[] = []
  const answers: { before: number | ServiceError; after: number | ServiceError } = {
    before: 0,
    after: 0,
  }
  const runner: HookRunner = {
    runHook(which, timeoutMs) {
      asked.push(`${which} ${timeoutMs}`)
      const answer = answers[which]
      if (answer instanceof ServiceError) return Promise.reject(answer)
      return Promise.resolve({ exitCode: answer, output: answer === 0 ? '' : 'disk full\n' })
    },
  }
  return { asked, answers, runner }
}

const BEFORE = { exec: ['fsfreeze', '-f'], timeoutMs: 2000, onError: 'fail' as const }
const AFTER = { exec: ['fsfreeze', '-u'], timeoutMs: 3000, onError: 'fail' as const }

test('commands are run by the service, each in its time', async () => {
  const { asked, runner } = createRunner()
  const agent = createAgent({ before: BEFORE, after: AFTER }, undefined, runner)
  expect(await agent.take()).toBe(PICTURE)
  expect(asked).toEqual(['before 2000', 'after 3000'])
  expect(agent.isNoted()).toBe(false)
})

test('a command that fails may have frozen the app; its words are told', async () => {
  const { asked, answers, runner } = createRunner()
  answers.before = 1
  const agent = createAgent({ before: BEFORE, after: AFTER }, undefined, runner)
  await expect(agent.take()).rejects.toThrow(
    'the hook backup.before (exec fsfreeze -f) ended with exit code 1: disk full',
  )
  expect(asked).toEqual(['before 2000', 'after 3000'])
  const lenient = createAgent(
    { before: { ...BEFORE, onError: 'continue' }, after: AFTER },
    undefined,
    runner,
  )
  expect(await lenient.take()).toBe(PICTURE)
  expect(lenient.warnings).toHaveLength(1)
})

test('a command that the service did not run has frozen nothing', async () => {
  const { asked, answers, runner } = createRunner()
  answers.before = new ServiceError('the service refuses: no leave', true)
  const agent = createAgent({ before: BEFORE, after: AFTER }, undefined, runner)
  await expect(agent.take()).rejects.toThrow('no leave')
  expect(asked).toEqual(['before 2000'])
  expect(agent.isNoted()).toBe(false)
})

test('a service that goes down while the app is frozen is asked for the thaw until it has answered', async () => {
  const { asked, answers, runner } = createRunner()
  answers.after = new ServiceError('the service does not answer', true)
  const agent = createAgent({ before: BEFORE, after: AFTER }, undefined, runner)
  expect(await agent.take()).toBe(PICTURE)
  expect(agent.status.facts.frozen).toContain('the app may still be frozen')
  expect(agent.isNoted()).toBe(true)
  const calls = asked.length
  for (let i = 0; i < 5; i += 1) {
    agent.clock.advance(60_000)
    await vi.waitFor(() => expect(asked.length).toBeGreaterThan(calls + i))
  }
  answers.after = 0
  agent.clock.advance(60_000)
  await vi.waitFor(() => expect(agent.status.facts.frozen).toBe(''))
  expect(agent.isNoted()).toBe(false)
})

test('a command without a service to run it is refused in words', async () => {
  const agent = createAgent({ before: BEFORE, after: null })
  await expect(agent.take()).rejects.toThrow('this pod was told of no service to do it')
})

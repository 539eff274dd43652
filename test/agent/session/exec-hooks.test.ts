/** Commands that the service runs in the app's container: thawed like everything else, whatever becomes of the service. */
import { expect, test, vi } from 'vitest'
import type { HookRunner } from '../../../agent/session/hook-call.ts'
import { ServiceError } from '../../../agent/service/service.ts'
import { createAgent, PICTURE } from './hooked-agent.ts'

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

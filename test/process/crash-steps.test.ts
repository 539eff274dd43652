/**
 * The agent ends itself with SIGKILL behind each named step of start, restore, commit and stop. Whatever the step: the
 * restart converges, nothing that the volume held is lost, and a request is fulfilled exactly once.
 */
import path from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { STEPS, type StepName } from '../../agent/session/context.ts'
import { readMark } from '../../agent/volume/mark.ts'
import { readTag } from '../../shared/repository/tags.ts'
import { createPod, temporaryFolder } from '../support/agent-pod.ts'
import type { AgentProcess } from '../support/agent-process.ts'
import { startHookServer } from '../support/hook-server.ts'
import {
  isEqual,
  isShipped,
  treeOf,
  viewRepository,
  type RepositoryView,
  type Tree,
} from '../support/repository-view.ts'
import { SeededRandom, runSeed } from '../support/seeded-random.ts'
import { RESTORE, START, pinned, scenarios, type Case, type Scenario } from './crash-scenarios.ts'
import { pastStream } from './past-stream.ts'
import { forgetHistory, history, podOn } from './unshipped-history.ts'

/** The app may have run when the agent crashed behind one of these. */
const APP_RAN: readonly StepName[] = ['let go', 'captured', 'committed', 'closed']

/** Starts an agent that crashes behind `step`, and gives it what it needs to come there. */
async function crash({ pod, view }: Case, step: StepName): Promise<AgentProcess> {
  const agent = pod.start({ crashAfter: step })
  await agent.until('it runs or has crashed', () => agent.wasReady || agent.hasEnded, true)
  if (APP_RAN.includes(step) && step !== 'let go') {
    pod.write('written by the app', `while ${step}`)
    await agent.until(
      'the write is shipped or it has crashed',
      async () => agent.hasEnded || isEqual(await view.tree(await view.latest()), treeOf(pod.data)),
      true,
    )
    if (step === 'closed') agent.signal('SIGTERM')
  }
  await agent.until(`it crashes behind "${step}"`, () => agent.hasEnded, true)
  expect(await agent.exited, agent.words).toEqual({ code: null, signal: 'SIGKILL' })
  expect(agent.wasReady).toBe(APP_RAN.includes(step))
  return agent
}

function contentsOf(tree: Tree): string[] {
  return Object.values(tree).filter((what) => what !== 'directory')
}

async function expectFulfilledOnce(view: RepositoryView, request: string): Promise<void> {
  const records = await view.records()
  const restores = records.filter(
    (record) => record.kind === 'restore' && record.request === request,
  )
  expect(restores).toHaveLength(1)
  const dones = records.filter(
    (record) => record.kind === 'done' && record.lineage === restores[0]?.lineage,
  )
  expect(dones).toHaveLength(1)
}

const reached = new Set<StepName>()

describe.each(scenarios)('$name', ({ steps, prepare }) => {
  test.each(steps)('survives a crash behind "%s"', async (step) => {
    const start = await prepare()
    const { pod, view, target, request } = start
    const before = contentsOf(treeOf(pod.data))
    await crash(start, step)
    reached.add(step)
    const left = treeOf(pod.data)

    const agent = pod.start()
    await agent.ready()
    // Nobody touches what the app may have seen; before that, it finds the target and nothing else.
    expect(treeOf(pod.data)).toEqual(APP_RAN.includes(step) ? left : target)
    pod.write('at last', 'the app goes on')
    await isShipped(agent, pod, view)
    expect(await agent.stop()).toEqual({ code: 0, signal: null })
    expect(agent.errors).toBe('')

    const kept = await view.everything()
    expect(before.filter((content) => !kept.has(content))).toEqual([])
    if (request !== undefined) await expectFulfilledOnce(view, request)
    expect(await view.restore(await view.latest(), path.join(pod.root, 'copy'))).toEqual(
      treeOf(pod.data),
    )
  })
})

test('a crash behind "backup committed" makes one version with the tag, and the tag', async () => {
  const pod = await createPod({ store: `file://${temporaryFolder()}/store` })
  pod.write('a', 'one')
  const view = await viewRepository(pod.assignment.store)
  const crashing = pod.start({ crashAfter: 'backup committed' })
  await isShipped(crashing, pod, view)
  pod.annotate({ 'holdfast.dev/injected': 'process-test', 'holdfast.dev/backup': 'once' })
  await crashing.until('it crashes', () => crashing.hasEnded, true)
  reached.add('backup committed')
  const [tagged] = (await view.versions()).filter(({ tag }) => tag === 'once')
  expect(await readTag(view.store, view.log.stream, 'once')).toBeUndefined()

  pod.write('b', 'two')
  const agent = pod.start()
  await agent.logged('the answer', ({ msg }) => msg === `backup once is v${tagged?.n}`)
  expect(await readTag(view.store, view.log.stream, 'once')).toBe(tagged?.n)
  expect((await view.versions()).filter(({ tag }) => tag === 'once')).toHaveLength(1)
})

test('a crash behind "frozen", between the hooks, leaves no app frozen', async () => {
  const server = await startHookServer()
  const pod = await createPod({
    store: `file://${temporaryFolder()}/store`,
    before: server.hook('freeze', 'fail'),
    after: server.hook('thaw', 'fail'),
  })
  const view = await viewRepository(pod.assignment.store)
  const crashing = pod.start({ crashAfter: 'frozen' })
  await crashing.ready()
  pod.write('a', 'one')
  await crashing.until('it crashes', () => crashing.hasEnded, true)
  reached.add('frozen')
  expect(server.asked).toEqual(['POST /freeze'])

  const agent = pod.start()
  await isShipped(agent, pod, view)
  expect(server.asked.slice(0, 2)).toEqual(['POST /freeze', 'POST /thaw'])
  expect(await agent.stop()).toEqual({ code: 0, signal: null })
  expect(server.asked.at(-1)).toBe('POST /thaw')
})

describe('a pin that is taken off after a crash', () => {
  test.each([...START, ...RESTORE, 'done recorded' as const])('behind "%s"', async (step) => {
    const past = await history()
    const before = treeOf(past.volume)
    const start = await pinned(past)
    await crash(start, step)

    const pod = await podOn(past, { volume: past.volume })
    const agent = pod.start()
    await agent.ready()
    // Without `done` the way back is the old line; with it the restore stands.
    expect(treeOf(pod.data)).toEqual(step === 'done recorded' ? start.target : before)
    await isShipped(agent, pod, past.view)
    expect(await agent.stop()).toEqual({ code: 0, signal: null })
    const kept = await past.view.everything()
    expect(contentsOf(before).filter((content) => !kept.has(content))).toEqual([])
  })
})

test('no mark is dirty any more when the log says that "nothing" is restored, whatever crashed before', async () => {
  const { store, volume } = await pastStream()
  const pod = await createPod({ store, volume, pin: 'fresh' })
  for (const step of ['restored', 'done recorded'] as const) {
    const agent = pod.start({ crashAfter: step })
    await agent.until(`it crashes behind "${step}"`, () => agent.hasEnded, true)
    expect(agent.wasReady).toBe(false)
    expect(readMark(volume)?.dirty).toBe(step === 'restored')
  }
})

test('several crashes in a row, anywhere before the app runs, come to the same end', async () => {
  const random = new SeededRandom(runSeed('crashes in a row'))
  const restoring = scenarios.filter(({ steps }) => steps.includes('restored'))
  for (let run = 0; run < 8; run += 1) {
    const { name, prepare } = random.pick(restoring as [Scenario, ...Scenario[]])
    const { pod, view, target, request } = await prepare()
    const before = contentsOf(treeOf(pod.data))
    const steps = Array.from({ length: 3 }, () => random.pick([...START, ...RESTORE]))
    for (const step of steps) {
      // A step that an earlier crash left behind is not reached again: then this one gets through.
      const agent = pod.start({ crashAfter: step })
      await agent.until('it runs or crashes', () => agent.wasReady || agent.hasEnded, true)
      if (!agent.hasEnded) await agent.kill()
    }
    const agent = pod.start()
    await agent.ready()
    const what = `${name}: ${steps.join(', ')}`
    expect(treeOf(pod.data), what).toEqual(target)
    pod.write('at last', 'the app goes on')
    await isShipped(agent, pod, view)
    await agent.stop()
    const kept = await view.everything()
    expect(
      before.filter((content) => !kept.has(content)),
      what,
    ).toEqual([])
    if (request !== undefined) await expectFulfilledOnce(view, request)
  }
})

test('no step is named that the tests above did not reach', () => {
  expect([...reached].toSorted()).toEqual([...STEPS].toSorted())
})

afterAll(forgetHistory)

/** How the kubelet, people and the app speak with a running agent: wait, drain, backup, hooks, health and metrics. */
import fs from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { createPod, temporaryFolder } from '../support/agent-pod.ts'
import { runVerb } from '../support/agent-process.ts'
import { startHookServer } from '../support/hook-server.ts'
import { isShipped, treeOf, viewRepository } from '../support/repository-view.ts'

const INJECTED = { 'holdfast.dev/injected': 'process-test' }

function freshStore(): string {
  return `file://${temporaryFolder()}/store`
}

test('wait blocks until the app may start, and returns 0 in that very call', async () => {
  const options = { store: freshStore(), exclusive: false, graceSeconds: 60 }
  const old = await createPod({ ...options, name: 'shop-old' })
  const oldAgent = old.start()
  await oldAgent.ready()
  const next = await createPod({ ...options, name: 'shop-new' })
  const agent = next.start()
  const waiting = agent.wait()
  await agent.logged('it waits', ({ phase }) => phase === 'waiting')
  await oldAgent.stop()
  await agent.ready()
  const readyMs = performance.now()
  const { code, text } = await waiting
  console.log(
    `wait returned ${Math.round(performance.now() - readyMs)} ms after the app was let go`,
  )
  expect({ code, text }).toEqual({ code: 0, text: 'running' })
})

test('wait says why it holds, and the same again only after a while', async () => {
  const pod = await createPod({ store: freshStore(), pin: 'never-made' })
  const agent = pod.start()
  const { code, text } = await agent.wait()
  expect(code).toBe(1)
  expect(text).toMatch(/^cannot restore never-made: /)
  let isAnswered = false
  const again = agent.ask().finally(() => (isAnswered = true))
  // Longer than the first answer took: whoever is slower than that here only makes the test weaker.
  await sleep(5_000)
  expect(isAnswered).toBe(false)
  expect(await agent.stop()).toEqual({ code: 0, signal: null })
  await again.catch(() => undefined)
})

test('an agent that was never started is said to be starting', async () => {
  const pod = await createPod({ store: freshStore() })
  expect(await runVerb('wait', pod.env)).toMatchObject({ code: 1, text: 'the agent is starting' })
})

test('an agent that restarts under a running app lets wait return at once and changes no byte', async () => {
  const store = freshStore()
  const view = await viewRepository(store)
  const first = await createPod({ store })
  first.write('a', 'one')
  const firstAgent = first.start()
  await isShipped(firstAgent, first, view)
  await firstAgent.stop()

  const pod = await createPod({ store, pin: `v${await view.latest()}` })
  const killed = pod.start()
  await killed.ready()
  pod.write('a', 'the app went on')
  await killed.kill()
  pod.write('b', 'while no agent was there')
  fs.rmSync(path.join(pod.data, 'a'))
  const before = treeOf(pod.data)
  const times = timesOf(pod.data)
  const agent = pod.start()
  expect(await agent.wait()).toMatchObject({ code: 0, text: 'running' })
  await isShipped(agent, pod, view)
  expect(treeOf(pod.data)).toEqual(before)
  expect(timesOf(pod.data)).toEqual(times)
})

function timesOf(folder: string): string[] {
  const names = fs.readdirSync(folder).filter((name) => !name.startsWith('.holdfast'))
  return names.map((name) => `${name} ${fs.lstatSync(path.join(folder, name)).ctimeMs}`)
}

test('after drain changes are shipped at once, though the promise would give them minutes', async () => {
  const store = freshStore()
  const view = await viewRepository(store)
  const pod = await createPod({ store, withinMs: 400_000 })
  const agent = pod.start()
  await agent.ready()
  const stop = new AbortController()
  const writing = (async () => {
    for (let n = 0; !stop.signal.aborted; n += 1) {
      pod.write('never-quiet', String(n))
      await sleep(50)
    }
  })()
  await agent.until('it has seen the writes', async () => (await agent.health()).lagSeconds > 0.5)
  const before = await view.newest()
  const drained = await runVerb('drain', pod.env)
  expect(drained).toMatchObject({ code: 0, text: '' })
  await agent.until('several versions', async () => (await view.newest()) > before + 2)
  expect((await agent.health()).phase).toBe('draining')
  stop.abort()
  await writing
  expect(await agent.stop()).toEqual({ code: 0, signal: null })
  expect(await view.tree(await view.latest())).toEqual(treeOf(pod.data))
})

describe('holdfast.dev/backup', () => {
  test('makes one version with this tag, also when it is said again or the agent restarts', async () => {
    const store = freshStore()
    const view = await viewRepository(store)
    const pod = await createPod({ store })
    pod.write('a', 'one')
    const agent = pod.start()
    await isShipped(agent, pod, view)
    pod.annotate({ ...INJECTED, 'holdfast.dev/backup': 'before-upgrade' })
    await agent.logged('the version', ({ msg }) => msg.startsWith('backup before-upgrade is v'))
    const tagged = async () => (await view.versions()).filter(({ tag }) => tag !== null)
    expect((await tagged()).map(({ tag }) => tag)).toEqual(['before-upgrade'])

    pod.annotate({ ...INJECTED, other: 'x', 'holdfast.dev/backup': 'before-upgrade' })
    await agent.stop()
    const again = pod.start()
    await again.logged('the answer', ({ msg }) => msg.startsWith('backup before-upgrade is v'))
    expect(await tagged()).toHaveLength(1)
    pod.annotate({ ...INJECTED, 'holdfast.dev/backup': 'after-upgrade' })
    await again.logged('another', ({ msg }) => msg.startsWith('backup after-upgrade is v'))
    expect((await tagged()).map(({ tag }) => tag)).toEqual(['before-upgrade', 'after-upgrade'])

    const pinned = await createPod({ store, pin: 'before-upgrade' })
    await pinned.start().ready()
    expect(pinned.read('a')).toBe('one')
  })

  test.each(['v3', 'latest', '20261120T141500Z', 'with a space'])(
    'refuses the tag %j in the log',
    async (tag) => {
      const store = freshStore()
      const pod = await createPod({ store })
      const agent = pod.start()
      await agent.ready()
      pod.annotate({ ...INJECTED, 'holdfast.dev/backup': tag })
      const line = await agent.logged('the refusal', ({ level, msg }) => level >= 50 && msg !== '')
      expect(line.msg).toContain(`holdfast.dev/backup=${tag} is refused`)
      await agent.stop()
      expect(await (await viewRepository(store)).versions()).toEqual([])
    },
  )
})

describe('hooks', () => {
  test('are called around a capture, and not when nothing changed', async () => {
    const store = freshStore()
    const view = await viewRepository(store)
    const { asked, hook } = await startHookServer()
    const hooks = { before: hook('freeze', 'fail'), after: hook('thaw', 'fail') }
    const paths = [{ path: '/data', at: '/data', as: 'files' as const, exclude: ['*.tmp'] }]
    const pod = await createPod({ store, ...hooks, paths })
    pod.write('excluded.tmp', 'not of the state')
    const agent = pod.start()
    await agent.ready()
    pod.write('a', 'one')
    await isShipped(agent, pod, view, ['excluded.tmp'])
    await agent.until('all is shipped', async () => (await agent.health()).lagSeconds === 0)
    expect(asked.length).toBeGreaterThan(0)
    expect(asked).toEqual(asked.map((_, i) => (i % 2 === 0 ? 'POST /freeze' : 'POST /thaw')))

    // A hint that comes to nothing: the agent looks, also when it is told to stop, and the app is left in peace.
    const calls = asked.length
    const newest = await view.latest()
    pod.write('excluded.tmp', 'not of the state, again')
    expect(await agent.stop()).toEqual({ code: 0, signal: null })
    expect(await view.latest()).toBe(newest)
    expect(asked).toHaveLength(calls)
  })

  test('that fail hold the version back where the declaration says fail, and the lag stays honest', async () => {
    const store = freshStore()
    const view = await viewRepository(store)
    const { answers, hook } = await startHookServer()
    answers.freeze = 500
    const pod = await createPod({ store, before: hook('freeze', 'fail') })
    const agent = pod.start()
    await agent.ready()
    pod.write('a', 'one')
    const words = /^the hook backup\.before \(POST .*\/freeze\) answered 500/
    await agent.until('it says so', async () => words.test((await agent.health()).problem))
    expect((await agent.health()).lagSeconds).toBeGreaterThan(0)
    expect(await view.versions()).toEqual([])
    answers.freeze = 200
    await isShipped(agent, pod, view)
  })

  test('are not called for the last flush: the app that they would quiesce is gone', async () => {
    const store = freshStore()
    const view = await viewRepository(store)
    const { answers, hook } = await startHookServer()
    answers.freeze = 500
    const pod = await createPod({ store, before: hook('freeze', 'fail') })
    const agent = pod.start()
    await agent.ready()
    pod.write('a', 'the last words')
    await agent.until('the hook holds it back', async () => (await agent.health()).problem !== '')
    expect(await agent.stop()).toEqual({ code: 0, signal: null })
    expect(await view.tree(await view.latest())).toEqual(treeOf(pod.data))
  })

  test('that fail are a warning where the declaration says continue', async () => {
    const store = freshStore()
    const { answers, hook } = await startHookServer()
    answers.freeze = 500
    const pod = await createPod({ store, before: hook('freeze', 'continue') })
    const agent = pod.start()
    await agent.ready()
    pod.write('a', 'one')
    await isShipped(agent, pod, await viewRepository(store))
    expect(agent.log.some(({ level, msg }) => level === 40 && msg.includes('/freeze'))).toBe(true)
  })
})

test('a copy of the pod, without our annotation, stays idle, says why, and ends at once', async () => {
  const store = freshStore()
  const pod = await createPod({ store })
  pod.annotate({ 'kubectl.kubernetes.io/debug': 'copy' })
  pod.write('a', 'of the copy')
  const agent = pod.start()
  const { code, text } = await agent.wait()
  expect(code).toBe(0)
  expect(text).toMatch(/^idle: this pod lacks the annotation holdfast\.dev\/injected/)
  expect(await agent.stop()).toEqual({ code: 0, signal: null })
  expect(await (await viewRepository(store)).newest()).toBe(0)
})

test('health and metrics read as what they are, and a scraper does not delay the end', async () => {
  const store = freshStore()
  const pod = await createPod({ store })
  pod.write('a', 'one')
  const agent = pod.start()
  const view = await viewRepository(store)
  await isShipped(agent, pod, view)
  await agent.until('all is shipped', async () => (await agent.health()).lagSeconds === 0)
  expect(await agent.health()).toMatchObject({
    stream: 'market/shop/0',
    ready: true,
    line: 'main',
    problem: '',
    lastComplete: true,
    lastVersion: await view.latest(),
  })
  const lines = (await agent.metrics()).trim().split('\n')
  const samples = lines.filter((line) => line !== '' && !line.startsWith('#'))
  for (const sample of samples)
    expect(sample).toMatch(/^holdfast_[a-z_]+\{stream="market\/shop\/0"\} [0-9.e+]+$/)
  expect(samples.length).toBeGreaterThan(5)
  const toldMs = performance.now()
  await agent.stop()
  // The scraper's idle connection would keep the process for five seconds.
  expect(performance.now() - toldMs).toBeLessThan(4000)
})

test('an agent whose health port is taken does its work all the same', async () => {
  const port = await createPod({ store: freshStore() })
  const first = port.start()
  await first.ready()
  const store = freshStore()
  const pod = await createPod({ store })
  pod.write('a', 'one')
  const env = { HOLDFAST_HEALTH_PORT: port.env['HOLDFAST_HEALTH_PORT'] ?? '' }
  const agent = pod.start({ env })
  await isShipped(agent, pod, await viewRepository(store))
  expect(await agent.stop()).toEqual({ code: 0, signal: null })
})

test.each([
  [{ HOLDFAST_ASSIGNMENT: 'garbage' }, /HOLDFAST_ASSIGNMENT is no JSON/],
  [{ HOLDFAST_ASSIGNMENT: '{}' }, /HOLDFAST_ASSIGNMENT: namespace: found undefined/],
  [{ HOLDFAST_ASSIGNMENT: '' }, /HOLDFAST_ASSIGNMENT is not set/],
])('an environment that reads wrong (%j) is one sentence', async (env, words) => {
  const pod = await createPod({ store: freshStore() })
  const agent = pod.start({ env })
  expect(await agent.exited).toEqual({ code: 1, signal: null })
  expect(agent.errors).toMatch(words)
  expect(agent.errors.trim().split('\n')).toHaveLength(1)
})

test('a verb that there is not names those that there are', async () => {
  const { code, text } = await runVerb('backup', {})
  expect(code).toBe(2)
  expect(text).toBe(
    '"backup" is no verb of the agent: allowed are replicate, restore, wait and drain',
  )
})

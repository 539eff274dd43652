/** What the service hears of a pod's life, and what the agent learns from it: real agents, real TLS. */
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { createPod, temporaryFolder } from '../support/agent-pod.ts'
import { viewRepository } from '../support/repository-view.ts'
import { startStandInService } from '../support/stand-in-service.ts'

const INJECTED = { 'holdfast.dev/injected': 'process-test' }
const SHA = `sha256:${'b'.repeat(64)}`

function freshStore(): string {
  return `file://${temporaryFolder()}/store`
}

test('a pod is reported from its start to its end: ready, a backup that was asked for, and that all was shipped', async () => {
  const service = await startStandInService()
  const store = freshStore()
  const view = await viewRepository(store)
  const pod = await createPod({ store, service: service.told })
  const agent = pod.start()
  await agent.ready()
  const heard = (what: string, matches: (report: (typeof service.reports)[number]) => boolean) =>
    agent.until(what, () => service.reports.some(matches), true)
  await heard('the app was let go', ({ ready, phase }) => ready && phase === 'running')
  expect(service.reports.at(-1)).toMatchObject({
    stream: 'market/shop/0',
    slot: '0',
    line: 'main',
    problem: '',
    token: `token-of-${pod.uid}`,
  })

  service.images = [
    { container: 'shop', image: 'shop:1.4', digest: `docker.io/library/shop@${SHA}` },
  ]
  pod.write('a', 'one')
  pod.annotate({ ...INJECTED, 'holdfast.dev/backup': 'before-upgrade' })
  await heard('the backup', ({ backups }) => backups.length > 0)
  const answered = service.reports.flatMap(({ backups }) => backups)
  const tagged = (await view.versions()).find(({ tag }) => tag === 'before-upgrade')
  expect(answered).toEqual([{ request: 'before-upgrade', version: tagged?.n, problem: null }])

  pod.annotate({ ...INJECTED, 'holdfast.dev/backup': 'v7' })
  await heard('why there is none', ({ backups }) =>
    backups.some(({ request, problem }) => request === 'v7' && problem !== null),
  )
  pod.write('b', 'two')
  expect(await agent.stop()).toEqual({ code: 0, signal: null })
  const last = service.reports.at(-1)
  expect(last).toMatchObject({ phase: 'ended', unshippedBytes: 0, lagSeconds: 0 })
  expect(last?.lastVersion).toBe(await view.latest())
  // By which digest its image runs was known for the last version, and not yet for the first.
  const images = (await view.versions()).map((version) => version.images)
  expect(images[0]).toEqual([{ container: 'shop', image: 'shop:1.4' }])
  expect(images.at(-1)).toEqual([{ container: 'shop', image: 'shop:1.4', digest: SHA }])
  expect(service.faults).toEqual([])
})

test('a restore is reported with its request and version, also by a pod that finds it fulfilled', async () => {
  const service = await startStandInService()
  const store = freshStore()
  const view = await viewRepository(store)
  const first = await createPod({ store })
  first.write('a', 'one')
  const firstAgent = first.start()
  await firstAgent.until('a version', async () => (await view.latest()) > 0)
  await firstAgent.stop()
  const version = await view.latest()
  for (let turn = 0; turn < 2; turn += 1) {
    const pod = await createPod({
      store,
      service: service.told,
      pin: `v${version}`,
      restoreRequest: 'r1',
    })
    const agent = pod.start()
    await agent.ready()
    await agent.stop()
    expect(service.reports.at(-1)?.restored).toEqual({ request: `v${version}/r1`, version })
    if (turn === 1)
      expect(agent.words).toContain(`v${version}/r1 is fulfilled already as v${version}`)
    service.reports.length = 0
  }
})

test('an agent at rest asks the service nothing', async () => {
  const service = await startStandInService()
  const pod = await createPod({ store: freshStore(), service: service.told })
  const agent = pod.start()
  await agent.ready()
  await agent.until('it was heard', () => service.reports.some(({ ready }) => ready))
  const { length } = service.asked
  await sleep(3000)
  expect(service.asked).toHaveLength(length)
})

test('a service that is down costs the app nothing: it is let go, shipped, and ended in time', async () => {
  const service = await startStandInService()
  const store = freshStore()
  const view = await viewRepository(store)
  const pod = await createPod({ store, service: service.told })
  service.delayMs = 60_000
  const agent = pod.start()
  await agent.ready()
  pod.write('a', 'one')
  await agent.until('a version', async () => (await view.latest()) > 0)
  const beganMs = performance.now()
  expect(await agent.stop()).toEqual({ code: 0, signal: null })
  // The last report is waited for 2 s; the rest is the machine's.
  expect(performance.now() - beganMs).toBeLessThan(10_000)
})

test('a predecessor that the cluster says is gone is not waited for; its own last words are', async () => {
  const service = await startStandInService()
  const options = {
    store: freshStore(),
    service: service.told,
    exclusive: false,
    graceSeconds: 3600,
  }
  const old = await createPod({ ...options, name: 'shop-old' })
  old.write('a', 'one')
  service.pods.set(old.uid, 'terminating')
  const oldAgent = old.start()
  await oldAgent.ready()
  await oldAgent.until('a version', async () => (await oldAgent.health()).lastVersion > 0)
  await oldAgent.kill()
  const next = await createPod({ ...options, name: 'shop-new' })
  const agent = next.start()
  const waiting = await agent.logged('it waits', ({ phase }) => phase === 'waiting')
  expect(waiting.msg).toContain('waiting for pod shop-old (terminating)')
  service.pods.delete(old.uid)
  await agent.ready()
  expect(next.read('a')).toBe('one')
})

test('exec hooks are run by the service around a version', async () => {
  const service = await startStandInService()
  const store = freshStore()
  const view = await viewRepository(store)
  const pod = await createPod({
    store,
    service: service.told,
    before: { exec: ['freeze'], timeoutMs: 2000, onError: 'fail' },
    after: { exec: ['thaw'], timeoutMs: 2000, onError: 'fail' },
  })
  pod.write('a', 'one')
  const agent = pod.start()
  await agent.until('a version', async () => (await view.latest()) > 0)
  const hooks = service.asked.filter((line) => line.includes('/v1/hooks/'))
  expect(hooks.slice(0, 2)).toEqual(['POST /v1/hooks/before', 'POST /v1/hooks/after'])
})

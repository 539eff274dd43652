/** A pod is deleted and its successor started at once, beside the old one's last flush, each with a volume of its own. */
import { spawn } from 'node:child_process'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import { createPod, temporaryFolder, type PodOptions } from '../support/agent-pod.ts'
import { isShipped, viewRepository } from '../support/repository-view.ts'
import { freshS3Url, s3Environment } from '../support/s3-url.ts'

const APP = path.join(import.meta.dirname, '../support/acknowledging-app.ts')

/** The app, and when this process heard of each acknowledgement. */
class AcknowledgingApp {
  readonly acknowledged: { readonly n: number; readonly atMs: number }[] = []
  readonly closed: Promise<unknown>
  readonly #child

  constructor(file: string) {
    this.#child = spawn(process.execPath, [APP, file], { stdio: ['ignore', 'pipe', 'inherit'] })
    this.#child.stdout.setEncoding('utf8').on('data', (part: string) => {
      for (const line of part.trim().split('\n'))
        this.acknowledged.push({ n: Number(line), atMs: performance.now() })
    })
    this.closed = new Promise((resolve) => this.#child.once('close', resolve))
    onTestFinished(() => this.signal('SIGKILL'))
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name)
  }

  async hasAcknowledged(count: number): Promise<void> {
    while (this.acknowledged.length < count) await sleep(10)
  }
}

function numbersIn(text: string): number[] {
  return text.trim().split('\n').map(Number)
}

function placeOf(s3: boolean): Pick<PodOptions, 'store' | 'env'> {
  return s3
    ? { store: freshS3Url(), env: s3Environment() }
    : { store: `file://${temporaryFolder()}/store` }
}

test.each([{ s3: false }, { s3: true }])(
  'every acknowledged write of a pod that ends in order is in its successor (S3: $s3)',
  async ({ s3 }) => {
    const options = { ...placeOf(s3), exclusive: false, graceSeconds: 30, withinMs: 2000 }
    const old = await createPod({ ...options, name: 'shop-old' })
    const oldAgent = old.start()
    await oldAgent.ready()
    const app = new AcknowledgingApp(path.join(old.data, 'acknowledged'))
    await app.hasAcknowledged(40)

    // The kubelet's order: preStop and SIGTERM to the app; the sidecar is told when the app is gone.
    const next = await createPod({ ...options, name: 'shop-new' })
    const nextAgent = next.start()
    await nextAgent.logged('it waits', ({ phase }) => phase === 'waiting')
    await oldAgent.drain()
    app.signal('SIGTERM')
    await app.closed
    expect(await oldAgent.stop()).toEqual({ code: 0, signal: null })

    await nextAgent.ready()
    expect(numbersIn(next.read('acknowledged'))).toEqual(app.acknowledged.map(({ n }) => n))
    const view = await viewRepository(options.store)
    expect((await view.state()).owner?.pod.name).toBe('shop-new')
    next.write('and', 'on it goes')
    await isShipped(nextAgent, next, view)
  },
)

test('the successor of a killed pod goes on after the recorded grace period, and lacks no more than was promised', async () => {
  const withinMs = 2000
  const graceSeconds = 1
  const options = { ...placeOf(false), exclusive: false, graceSeconds, withinMs }
  const old = await createPod({ ...options, name: 'shop-old' })
  const oldAgent = old.start()
  await oldAgent.ready()
  const app = new AcknowledgingApp(path.join(old.data, 'acknowledged'))
  await app.hasAcknowledged(80)
  const killedMs = performance.now()
  app.signal('SIGKILL')
  await oldAgent.kill()

  // Its own pod's grace period says nothing about the old one's.
  const next = await createPod({ ...options, graceSeconds: 600, name: 'shop-new' })
  const startedMs = performance.now()
  const nextAgent = next.start()
  const waiting = await nextAgent.logged('it waits', ({ phase }) => phase === 'waiting')
  expect(waiting.msg).toContain('shop-old')
  await nextAgent.ready()
  expect(performance.now() - startedMs).toBeGreaterThan(graceSeconds * 1000)

  const promised = app.acknowledged.filter(({ atMs }) => atMs < killedMs - withinMs)
  expect(promised.length).toBeGreaterThan(20)
  const there = new Set(numbersIn(next.read('acknowledged')))
  expect(promised.filter(({ n }) => !there.has(n))).toEqual([])
}, 60_000)

test('a pod that is told to stop while it waits for its predecessor ends at once and leaves no trace', async () => {
  const options = { ...placeOf(false), exclusive: false, graceSeconds: 600 }
  const old = await createPod({ ...options, name: 'shop-old' })
  const oldAgent = old.start()
  await oldAgent.ready()
  const view = await viewRepository(options.store)
  const before = await view.newest()
  const next = await createPod({ ...options, name: 'shop-new' })
  const nextAgent = next.start()
  await nextAgent.logged('it waits', ({ phase }) => phase === 'waiting')
  expect(await nextAgent.stop()).toEqual({ code: 0, signal: null })
  expect(nextAgent.wasReady).toBe(false)
  expect(await view.newest()).toBe(before)
})

/**
 * S3 is out for an hour while apps go on writing. The hour is simulated: the clock and the store are, the agents, their
 * directories and what they ship are real. `HOLDFAST_TEST_SEED` repeats a run.
 */
import { randomFillSync } from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type * as Zlib from 'node:zlib'
import { afterEach, expect, test, vi } from 'vitest'
import { memoryFolder } from '../support/memory-folder.ts'
import { OutageStore } from '../support/outage-store.ts'
import { RepositoryView, treeOf } from '../support/repository-view.ts'
import { SeededRandom, runSeed } from '../support/seeded-random.ts'
import { SessionAgent } from '../support/session-agent.ts'
import { VirtualTime } from '../support/virtual-time.ts'

const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE

/** The simulated clock waits for this thread alone, and would run on while another one compresses: this one does. */
vi.mock('node:zlib', async (importOriginal) => {
  const zlib = await importOriginal<typeof Zlib>()
  const { EventEmitter } = await import('node:events')
  class CompressorOfThisThread extends EventEmitter {
    readonly #options: Zlib.ZstdOptions
    #stored: Buffer | null = null

    constructor({ params }: Zlib.ZstdOptions) {
      super()
      this.#options = { params }
    }

    write(plain: Buffer, done: () => void) {
      this.#stored = zlib.zstdCompressSync(plain, this.#options)
      done()
    }

    read() {
      return this.#stored
    }

    destroy() {
      this.#stored = null
    }
  }
  const createZstdCompress = (options: Zlib.ZstdOptions) => new CompressorOfThisThread(options)
  return { ...zlib, createZstdCompress }
})

afterEach(() => {
  vi.restoreAllMocks()
})

function seedJitter(what: string): SeededRandom {
  const random = new SeededRandom(runSeed(what))
  vi.spyOn(Math, 'random').mockImplementation(() => random.next())
  return random
}

interface App {
  readonly dir: string
  readonly agent: SessionAgent
  readonly write: () => void
}

function startApp(time: VirtualTime, store: OutageStore, app: string, bytes: number): App {
  const dir = memoryFolder()
  let files = 0
  // One for all: what this test allocates is not to be taken for what the agent holds.
  const content = Buffer.alloc(bytes)
  const options = { clock: time.clock, withinMs: 5 * SECOND, hintedByHand: true }
  const agent = new SessionAgent({ dir, store, app, ...options })
  const write = () => {
    files += 1
    fs.writeFileSync(path.join(dir, `file-${files}`), randomFillSync(content))
    agent.hint()
  }
  return { dir, agent, write }
}

function isShipped({ agent }: App): boolean {
  const { lastVersion, unshippedSinceMs } = agent.facts
  return lastVersion > 0 && unshippedSinceMs === undefined
}

/** Bytes that this process needs, after what it does not need any more is gone. */
function bytesInUse(): number {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  collect()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

/** Waits double from 0.2 s to a minute and are drawn from the upper half: ten for the first minute or two, then two in a minute at most. */
const REQUESTS_IN_AN_HOUR = 10 + 2 * 60

test.each(['out', 'late in a commit'] as const)(
  'an hour without S3 costs little memory, few requests, and no change; the lag is told; it began %s',
  async (began) => {
    seedJitter('an hour without S3')
    const time = new VirtualTime()
    const store = new OutageStore(time.clock)
    const app = startApp(time, store, 'shop', 64 * 1024)
    app.write()
    await time.until(() => isShipped(app), MINUTE)

    if (began === 'out') await time.pass(10 * MINUTE)
    time.every(5 * SECOND, 1, app.write)
    if (began === 'late in a commit') await time.until(() => !isShipped(app), MINUTE)
    store.state = 'out'
    const outMs = time.nowMs
    const { lastVersion: last } = app.agent.facts
    await time.pass(5 * MINUTE)
    const before = bytesInUse()
    for (let minute = 5; minute < 60; minute += 1) {
      await time.pass(MINUTE)
      const { unshippedSinceMs = Infinity, unshippedBytes, problem, lastVersion } = app.agent.facts
      expect(unshippedSinceMs - outMs).toBeLessThanOrEqual(6 * SECOND)
      expect([problem, lastVersion]).toEqual(['the store is out', last])
      expect(unshippedBytes, 'what the body that waits has read').toBeGreaterThanOrEqual(64 * 1024)
    }
    const requests = store.askedMs.filter((ms) => ms > outMs).length
    expect(requests).toBeLessThanOrEqual(REQUESTS_IN_AN_HOUR)
    // 43 MB were written meanwhile. What was read of it waits in one body.
    expect(bytesInUse() - before).toBeLessThan(4 * 1024 * 1024)

    store.state = 'up'
    const here = treeOf(app.dir)
    const acknowledged = app.agent.acknowledged.length
    await time.until(() => app.agent.acknowledged.length >= acknowledged + 2, 2 * MINUTE)
    // What was captured as it went out comes first, as its own version; all the rest is in the next.
    const [first = 0, second = 0] = app.agent.acknowledged.slice(acknowledged)
    const view = new RepositoryView(store.held)
    expect(second).toBe(first + 1)
    expect(await view.tree(second)).toMatchObject(here)
    expect(time.nowMs - outMs - HOUR).toBeLessThanOrEqual(MINUTE + 10 * SECOND)
    await app.agent.kill()
  },
)

/** After the first refusal they double from 5 s: five in the first two minutes and a half, then two in a minute at most. */
const PASSES_IN_AN_HOUR = 5 + 2 * 58

test('an hour of refusals (403) under write load: the store is asked ever more rarely, and all of it is shipped after', async () => {
  seedJitter('an hour of 403')
  const time = new VirtualTime()
  const store = new OutageStore(time.clock)
  const app = startApp(time, store, 'shop', 1000)
  app.write()
  await time.until(() => isShipped(app), MINUTE)
  const { lastVersion: last } = app.agent.facts

  // Never quiet for as long as a burst may last: there is always a hint when a pass has failed.
  const busy = path.join(app.dir, 'busy')
  time.every(200, 1, () => {
    fs.writeFileSync(busy, String(time.nowMs))
    app.agent.hint()
  })
  time.every(MINUTE, 1, app.write)
  store.state = 'denied'
  const deniedMs = time.nowMs
  await time.pass(HOUR)
  const asked = store.askedMs.filter((ms) => ms > deniedMs)
  expect(asked.length).toBeGreaterThan(50)
  expect(asked.length).toBeLessThanOrEqual(PASSES_IN_AN_HOUR)
  const { unshippedSinceMs = Infinity, problem, lastVersion } = app.agent.facts
  expect(unshippedSinceMs - deniedMs).toBeLessThanOrEqual(6 * SECOND)
  expect([problem, lastVersion]).toEqual(['403', last])

  store.state = 'up'
  const { busy: _busy, ...here } = treeOf(app.dir)
  expect(Object.keys(here)).toHaveLength(61)
  await time.until(() => app.agent.facts.lastVersion > last, MINUTE + 5 * SECOND)
  const { lastVersion: next } = app.agent.facts
  expect(await new RepositoryView(store.held).tree(next)).toMatchObject(here)
  // Nothing of it is left: the next change is durable within the promised time again.
  await time.until(() => app.agent.facts.lastVersion > next, 5 * SECOND)
  await app.agent.kill()
})

test.each(['drain', 'backup', 'stop'] as const)(
  'whatever the store has refused before, %s is tried at once',
  async (asked) => {
    seedJitter(`403, then ${asked}`)
    const time = new VirtualTime()
    const store = new OutageStore(time.clock)
    const app = startApp(time, store, 'shop', 1000)
    app.write()
    await time.until(() => isShipped(app), MINUTE)
    app.write()
    store.state = 'denied'
    await time.pass(10 * MINUTE)
    // Right after a refusal: the next look is half a minute away at least.
    const refused = store.askedMs.length
    await time.until(() => store.askedMs.length > refused, MINUTE)
    await time.pass(100)

    store.state = 'up'
    const versions = app.agent.acknowledged.length
    const done = asked === 'backup' ? app.agent.backup('now') : app.agent[asked]()
    await time.until(() => app.agent.acknowledged.length > versions && isShipped(app), SECOND)
    await time.until(() => app.agent.facts.problem === '', SECOND)
    await time.pass(SECOND)
    await done
    expect(await new RepositoryView(store.held).latest()).toBe(app.agent.facts.lastVersion)
    await app.agent.kill()
  },
)

const AGENTS = 200
/** However they began, in any second after the first minute. */
const REQUESTS_PER_SECOND = 50

test.each([
  { apps: 'each write once a minute', together: false },
  { apps: 'all write at the very moment that it goes out, and once a minute', together: true },
])(
  '200 agents that are cut off for an hour do not stampede when S3 is back; $apps',
  async ({ together }) => {
    const random = seedJitter('200 agents')
    const time = new VirtualTime()
    const store = new OutageStore(time.clock)
    const apps = Array.from({ length: AGENTS }, (_, i) => startApp(time, store, `app-${i}`, 100))
    for (const app of apps) app.write()
    await time.until(() => apps.every(isShipped), MINUTE)

    await time.pass(MINUTE)
    store.state = 'out'
    const outMs = time.nowMs
    for (const app of apps) time.every(MINUTE, together ? 1 : random.below(MINUTE), app.write)
    await time.pass(HOUR)
    const outRate = store.mostWithin(SECOND, outMs + MINUTE + 5 * SECOND)
    expect(outRate).toBeLessThanOrEqual(REQUESTS_PER_SECOND)
    expect(store.askedMs.filter((ms) => ms > outMs).length).toBeLessThanOrEqual(
      AGENTS * REQUESTS_IN_AN_HOUR,
    )

    store.state = 'up'
    const backMs = time.nowMs
    const acknowledged = apps.map(({ agent }) => agent.acknowledged.length)
    const tookMs = await time.until(
      () => apps.every(({ agent }, i) => agent.acknowledged.length >= (acknowledged[i] ?? 0) + 2),
      2 * MINUTE,
    )
    const backRate = store.mostWithin(SECOND, backMs)
    console.log(
      `${AGENTS} agents: at most ${outRate} requests a second while out, ${backRate} when back; caught up in ${tookMs / SECOND} s`,
    )
    expect(backRate).toBeLessThanOrEqual(REQUESTS_PER_SECOND)
    for (const { agent } of apps) await agent.kill()
  },
)

/** A start asks more than a commit does: who was last, what its request is, that the bucket keeps to its word. */
const REQUESTS_PER_SECOND_OF_STARTS = 100
/** A look each 30 s at most, drawn from the upper half. */
const REQUESTS_PER_MINUTE_OF_A_START = 4
/** Less than 30 s until each looks again, and what a start takes. */
const STARTED_AFTER_MS = 35 * SECOND

test.each(['out', 'denied'] as const)(
  '200 agents that start while S3 is %s back off, too, and start soon after its return',
  async (state) => {
    seedJitter(`200 agents start, S3 is ${state}`)
    const time = new VirtualTime()
    const store = new OutageStore(time.clock)
    store.state = state
    const apps = Array.from({ length: AGENTS }, (_, i) => startApp(time, store, `app-${i}`, 100))
    await time.pass(HOUR)
    const outRate = store.mostWithin(SECOND, 5 * MINUTE)
    const each = store.askedMs.filter((ms) => ms > 5 * MINUTE).length / AGENTS / 55

    store.state = 'up'
    const tookMs = await time.until(() => apps.every(({ agent }) => agent.facts.ready), 3 * MINUTE)
    const backRate = store.mostWithin(SECOND, HOUR)
    console.log(
      `${AGENTS} starts, S3 ${state}: ${each} requests a minute each, at most ${outRate} a second, ${backRate} when back; started in ${tookMs / SECOND} s`,
    )
    expect(each).toBeLessThanOrEqual(REQUESTS_PER_MINUTE_OF_A_START)
    expect(tookMs).toBeLessThanOrEqual(STARTED_AFTER_MS)
    expect(outRate).toBeLessThanOrEqual(REQUESTS_PER_SECOND_OF_STARTS)
    expect(backRate).toBeLessThanOrEqual(REQUESTS_PER_SECOND_OF_STARTS)
    for (const { agent } of apps) await agent.kill()
  },
)

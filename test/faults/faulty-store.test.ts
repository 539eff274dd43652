/**
 * A random workload on a real directory, the real agent, the real S3 adapter and a real S3 store, with a net between
 * them in which everything goes wrong. Whatever the agent said to be durable is restored bit for bit, past every fault,
 * and the app's last word is always among it.
 *
 * `HOLDFAST_FAULTS=<n>` runs n long histories instead of a short one; `HOLDFAST_TEST_SEED` repeats a run.
 */
import { randomUUID } from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, expect, onTestFinished, test } from 'vitest'
import { systemClock, type Clock } from '../../shared/clock.ts'
import type { ObjectStore } from '../../shared/object-store/object-store.ts'
import { createS3Store } from '../../shared/object-store/s3-store.ts'
import { walkTree } from '../agent/capture/tree-walk.ts'
import { temporaryFolder } from '../support/agent-pod.ts'
import type { FaultyProxy, NetFault } from '../support/faulty-proxy.ts'
import { NET_FAULTS, startFaultyProxy } from '../support/faulty-proxy.ts'
import { RandomWorkload } from '../support/random-workload.ts'
import {
  viewRepository,
  treeOf,
  type RepositoryView,
  type Tree,
} from '../support/repository-view.ts'
import { freshS3Url, s3Environment } from '../support/s3-url.ts'
import { SeededRandom, runSeed } from '../support/seeded-random.ts'
import { SessionAgent } from '../support/session-agent.ts'

const LONG = Number(process.env['HOLDFAST_FAULTS'] ?? 0)
const HISTORIES = LONG || 1
const BATCHES = LONG > 0 ? 10 : 3
const BATCHES_OF_ONE_FAULT = LONG > 0 ? 8 : 1
/** The agent's waits are so much shorter than they are, and its minutes with them. */
const HASTE = 60
const PATIENCE_MS = 180_000
const HOURS = 6 * 60 * 60 * 1000
const SKEW_MS = 60 * 60 * 1000

const RealDate = Date

const hastyClock: Clock = {
  monotonicMs: () => systemClock.monotonicMs() * HASTE,
  now: () => new RealDate(),
  sleep: (ms, signal) => systemClock.sleep(ms / HASTE, signal),
}

afterEach(() => {
  globalThis.Date = RealDate
})

/** The clock by which requests are signed goes wrong by so much; the store's does not. */
function skewClock(ms: number): void {
  globalThis.Date = class extends RealDate {
    constructor(...args: [] | [number | string | Date]) {
      if (args.length === 0) super(RealDate.now() + ms)
      else super(...(args as [number]))
    }
    static override now(): number {
      return RealDate.now() + ms
    }
  } as DateConstructor
}

interface Net {
  readonly proxy: FaultyProxy
  /** Of a hundred requests, so many meet a fault. */
  percent: number
  readonly only: NetFault | undefined
}

async function startNet(random: SeededRandom, only?: NetFault): Promise<Net> {
  // The very first request meets one: no history goes by without.
  let left = 1
  let fault = only ?? random.pick(NET_FAULTS)
  const faultOf = () => {
    // An attempt of the agent is up to three requests: a fault that hits one alone would never be noticed.
    if (left === 0 && random.below(100) < net.percent) {
      left = 1 + random.below(4)
      fault = only ?? random.pick(NET_FAULTS)
    }
    if (left === 0) return undefined
    left -= 1
    return fault
  }
  const proxy = await startFaultyProxy(s3Environment()['AWS_ENDPOINT_URL_S3'] ?? '', faultOf)
  onTestFinished(proxy.stop)
  const net = { proxy, percent: 0, only }
  return net
}

let opening: Promise<unknown> = Promise.resolve()

/** The repository as the agent reaches it, and as an auditor does; one test after the other, because the environment is one. */
function openBoth(net: Net, url: string): Promise<[ObjectStore, RepositoryView]> {
  const opened = opening.then(async (): Promise<[ObjectStore, RepositoryView]> => [
    await openThrough(net, url),
    await viewRepository(url),
  ])
  opening = opened
  return opened
}

async function openThrough({ proxy }: Net, url: string): Promise<ObjectStore> {
  const direct = process.env['AWS_ENDPOINT_URL_S3']
  process.env['AWS_ENDPOINT_URL_S3'] = proxy.endpoint
  try {
    const { hostname: bucket, pathname } = new URL(url)
    const timeouts = { connectMs: 1000, idleMs: 250 }
    return await createS3Store({ bucket, prefix: `${pathname.slice(1)}/`, timeouts })
  } finally {
    process.env['AWS_ENDPOINT_URL_S3'] = direct
  }
}

/** Everything that a version keeps, of all below the declared path. */
function everything(dir: string): string[] {
  return walkTree(dir, (below) => below.startsWith('.holdfast')).slice(1)
}

/** One history: an app, its agents one after the other, and what each acknowledged version has to be. */
class History {
  readonly lines: string[] = []
  readonly dir: string
  readonly #view: RepositoryView
  readonly #store: ObjectStore
  readonly #random: SeededRandom
  readonly #app: RandomWorkload
  readonly #copies: string
  readonly #pod = randomUUID()
  /** What each version was when it was first restored. */
  readonly #noted = new Map<number, string[]>()
  /** What each path has been since the app last rested. */
  #states = new Map<string, Set<string>>()
  #agent: SessionAgent

  constructor(store: ObjectStore, view: RepositoryView, random: SeededRandom) {
    const root = temporaryFolder()
    this.dir = path.join(root, 'data')
    this.#copies = path.join(root, 'copies')
    fs.mkdirSync(this.dir)
    this.#view = view
    this.#store = store
    this.#random = random
    this.#app = new RandomWorkload(this.dir, random)
    this.#remember()
    this.#agent = this.#start()
  }

  get versions(): number {
    return this.#noted.size
  }

  #start(): SessionAgent {
    const { dir } = this
    return new SessionAgent({ dir, store: this.#store, clock: hastyClock, pod: this.#pod })
  }

  /** The app does some things, then rests until the agent says that the last of them is durable. */
  async batch(big = false): Promise<void> {
    await this.#requireThat('the app is let go', () => Promise.resolve(this.#agent.facts.ready))
    if (big) this.lines.push(this.#app.writeBig())
    for (let steps = 1 + this.#random.below(6); steps > 0; steps -= 1) {
      this.lines.push(this.#app.step())
      this.#remember()
      if (this.#random.below(2) === 0) await sleep(this.#random.below(30))
    }
    if (this.#random.below(4) === 0) await this.#restartAgent()
    const here = everything(this.dir)
    let checked = 0
    await this.#requireThat('the last change is durable', async () => {
      // A version whose agent was killed before it could say so counts, too.
      const newest = await this.#view.latest()
      if (newest === checked || this.#agent.facts.unshippedSinceMs !== undefined) return false
      checked = newest
      return sameLines(await this.#restore(newest), here)
    })
    await this.#judge()
    this.#states = new Map()
    this.#remember()
  }

  async end(): Promise<void> {
    await this.#agent.stop()
    expect(this.#agent.failure).toBeUndefined()
    for (const [version, lines] of this.#noted)
      expect(await this.#restore(version), `v${version}`).toEqual(lines)
  }

  /** A pod on an empty volume gets what the last one had, or is not let go. */
  async comeBack(): Promise<void> {
    const dir = path.join(path.dirname(this.dir), 'elsewhere')
    fs.mkdirSync(dir)
    const agent = new SessionAgent({ dir, store: this.#store, clock: hastyClock })
    onTestFinished(() => agent.kill())
    for (const endMs = performance.now() + PATIENCE_MS; !agent.facts.ready; await sleep(10))
      if (performance.now() > endMs || agent.failure !== undefined)
        throw this.#inVain('the restored app is let go', agent)
    expect(everything(dir)).toEqual(everything(this.dir))
    await agent.stop()
  }

  async #restartAgent(): Promise<void> {
    const gently = this.#random.below(2) === 0
    this.lines.push(gently ? 'the agent is restarted' : 'the agent is killed, and starts again')
    if (gently) await this.#agent.stop()
    else await this.#agent.kill()
    await this.#judge()
    this.#agent = this.#start()
  }

  /** Each file of an acknowledged version is what that file was at some moment since the app last rested. */
  async #judge(): Promise<void> {
    for (const version of this.#agent.acknowledged) {
      if (this.#noted.has(version)) continue
      const lines = await this.#restore(version)
      const tree = treeOf(this.#copy(version))
      const wrong = [...this.#states].filter(([name, states]) => !states.has(tree[name] ?? 'none'))
      const unknown = Object.keys(tree).filter((name) => !this.#states.has(name))
      expect([wrong, unknown], `v${version}:\n${this.lines.join('\n')}`).toEqual([[], []])
      this.#noted.set(version, lines)
    }
  }

  #remember(): void {
    const tree: Tree = treeOf(this.dir)
    const before = [...this.#states.values()].length > 0
    for (const name of new Set([...Object.keys(tree), ...this.#states.keys()])) {
      const states = this.#states.get(name) ?? new Set(before ? ['none'] : [])
      this.#states.set(name, states.add(tree[name] ?? 'none'))
    }
  }

  async #restore(version: number): Promise<string[]> {
    const into = this.#copy(version)
    fs.rmSync(into, { recursive: true, force: true })
    await this.#view.restore(version, into)
    return everything(into)
  }

  #copy(version: number): string {
    return path.join(this.#copies, String(version))
  }

  async #requireThat(what: string, holds: () => Promise<boolean>): Promise<void> {
    for (const endMs = performance.now() + PATIENCE_MS; !(await holds()); await sleep(10))
      if (performance.now() > endMs || this.#agent.failure !== undefined)
        throw this.#inVain(what, this.#agent)
  }

  #inVain(what: string, { facts, failure }: SessionAgent): Error {
    const told = [...this.lines, JSON.stringify(facts)].join('\n')
    return new Error(`in vain for: ${what}\n${told}`, { cause: failure })
  }
}

function sameLines(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((line, i) => line === b[i])
}

interface Played {
  readonly versions: number
  readonly faults: number
}

/** @param percent how many of a hundred requests meet a fault, batch by batch, again and again. */
async function play(
  seed: number,
  batches: number,
  percent: readonly number[],
  only?: NetFault,
): Promise<Played> {
  const random = new SeededRandom(seed)
  for (let i = 0; i < 8; i += 1) random.next()
  const url = freshS3Url()
  const net = await startNet(random, only)
  const history = new History(...(await openBoth(net, url)), random)
  for (let batch = 0; batch < batches; batch += 1) {
    net.percent = percent[batch % percent.length] ?? 0
    await history.batch(only !== undefined)
  }
  await history.end()
  net.percent = 5
  await history.comeBack()
  const faults = [...net.proxy.hits.values()].reduce((sum, n) => sum + n, 0)
  return { versions: history.versions, faults }
}

test.each(['right', 'an hour ahead', 'an hour behind'])(
  'what was acknowledged over a faulty net is restored bit for bit; the clock is %s',
  async (clock) => {
    const first = runSeed(`faulty store, the clock is ${clock}`)
    let versions = 0
    let faults = 0
    for (let seed = first; seed < first + HISTORIES; seed += 1) {
      if (clock !== 'right') skewClock(clock === 'an hour ahead' ? SKEW_MS : -SKEW_MS)
      const played = await play(seed, BATCHES, [5, 15, 30])
      versions += played.versions
      faults += played.faults
    }
    console.log(
      `${HISTORIES} histories, the clock is ${clock}: ${versions} versions, ${faults} faults`,
    )
    expect(versions).toBeGreaterThanOrEqual(HISTORIES * BATCHES)
    expect(faults).toBeGreaterThan(0)
  },
  HOURS,
)

test(
  'no version suffers, and every change is shipped, whichever one fault it is that the net has',
  async () => {
    const seed = runSeed('faulty store, one fault')
    const faults = NET_FAULTS.filter((_, i) => LONG > 0 || (i + seed) % 3 === 0)
    const played = await Promise.allSettled(
      faults.map(async (fault) => play(seed, BATCHES_OF_ONE_FAULT, [20], fault)),
    )
    const problems = played.flatMap((outcome, i) =>
      outcome.status === 'rejected' ? [`${faults[i]}: ${String(outcome.reason)}`] : [],
    )
    expect(problems).toEqual([])
  },
  HOURS,
)

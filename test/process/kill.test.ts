/**
 * SIGKILL at random moments while an app writes: what was committed last restores whole, every file of it is one that
 * the app really had, and the stream goes on with the next number. Fifty kills in all, many of them on real S3.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import { createPod, temporaryFolder, type AgentPod } from '../support/agent-pod.ts'
import type { AgentProcess } from '../support/agent-process.ts'
import { wrongContent } from '../support/busy-app.ts'
import { isEqual, isShipped, treeOf, viewRepository } from '../support/repository-view.ts'
import type { RepositoryView } from '../support/repository-view.ts'
import { freshS3Url, s3Environment } from '../support/s3-url.ts'
import { SeededRandom, runSeed } from '../support/seeded-random.ts'

const BUSY_APP = path.join(import.meta.dirname, '../support/busy-app.ts')

class App {
  readonly #child: ChildProcess
  readonly #closed: Promise<unknown>
  readonly busy: Promise<unknown>

  constructor(directory: string, seed: number) {
    this.#child = spawn(process.execPath, [BUSY_APP, directory, String(seed)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    this.busy = new Promise((resolve) => this.#child.stdout?.once('data', resolve))
    this.#closed = new Promise((resolve) => this.#child.once('close', resolve))
    onTestFinished(() => void this.#child.kill('SIGKILL'))
  }

  async stop(): Promise<void> {
    this.#child.kill('SIGTERM')
    await this.#closed
  }
}

/** The newest version, restored whole, holds nothing that the app never had. */
async function expectWhole(view: RepositoryView, version: number, into: string): Promise<void> {
  fs.rmSync(into, { recursive: true, force: true })
  const tree = await view.restore(version, into)
  expect(tree).toEqual(await view.tree(version))
  const files = Object.keys(tree).filter((name) => fs.lstatSync(path.join(into, name)).isFile())
  const wrong = files.flatMap(
    (name) => wrongContent(name, fs.readFileSync(path.join(into, name), 'utf8')) ?? [],
  )
  expect(wrong).toEqual([])
}

interface Round {
  readonly pod: AgentPod
  readonly view: RepositoryView
  readonly random: SeededRandom
}

/** One kill while the app writes; the app, and the pod, go on. */
async function killOnce({ pod, view, random }: Round, app: App): Promise<void> {
  const agent = pod.start()
  await agent.ready()
  await app.busy
  const before = await view.newest()
  const delayMs = random.below(500)
  if (random.below(3) > 0)
    await agent.until('it has committed', async () => (await view.newest()) > before)
  await sleep(delayMs)
  await agent.kill()
  const version = await view.latest()
  if (version > 0) await expectWhole(view, version, path.join(pod.root, 'copy'))
}

/** Each number once, and no holes: nobody else wrote here. */
async function expectNextNumbers(view: RepositoryView): Promise<void> {
  const numbers = (await view.records()).map(({ n }) => n)
  expect(numbers).toEqual(numbers.map((_, i) => i + 1))
}

/** The agent comes back once more; the app ends; what it left is `latest`. */
async function expectGoesOn({ pod, view }: Round, app: App): Promise<void> {
  const newest = await view.newest()
  const agent = pod.start()
  await agent.logged('a version after the kills', ({ version = 0 }) => version > newest)
  await app.stop()
  await isShipped(agent, pod, view)
  expect(await agent.stop()).toEqual({ code: 0, signal: null })
  await expectWhole(view, await view.latest(), path.join(pod.root, 'copy'))
  await expectNextNumbers(view)
}

const streams = [
  { where: 'a directory', kills: 18, s3: false },
  { where: 'a directory', kills: 18, s3: false },
  { where: 'S3', kills: 14, s3: true },
]

test.each(streams)(
  '$kills kills of a sidecar on $where lose no committed byte',
  async (stream) => {
    const seed = runSeed(`kills on ${stream.where}`)
    const store = stream.s3 ? freshS3Url() : `file://${temporaryFolder()}/store`
    const env = stream.s3 ? s3Environment() : {}
    const pod = await createPod({ store, env, withinMs: 200 })
    const round = { pod, view: await viewRepository(store), random: new SeededRandom(seed) }
    const app = new App(pod.data, seed)
    for (let kill = 0; kill < stream.kills; kill += 1) await killOnce(round, app)
    await expectGoesOn(round, app)
  },
  240_000,
)

/** Enough files that a kill finds the restore half done. */
async function fill(pod: AgentPod, view: RepositoryView, what: string): Promise<number> {
  for (let file = 0; file < 400; file += 1)
    pod.write(`${file % 20}/${file}`, `${what} ${file} ${what.repeat(file)}`)
  const agent = pod.agents.at(-1) ?? pod.start()
  await isShipped(agent, pod, view)
  return view.latest()
}

/** Starts until one gets through; kills the others in the middle of it. */
async function restoreThroughKills(pod: AgentPod, random: SeededRandom, kills: number) {
  let halfDone = 0
  for (let kill = 0; kill < kills; kill += 1) {
    const agent = pod.start()
    const begun = () => agent.words.includes('"restoring"')
    await agent.until(
      'it restores',
      () => agent.wasReady || (kill % 3 === 0 ? begun() : isDirty(pod)),
    )
    await sleep(random.below(40))
    await agent.kill()
    if (isDirty(pod)) {
      halfDone += 1
      expect(agent.wasReady).toBe(false)
    }
  }
  return halfDone
}

function isDirty(pod: AgentPod): boolean {
  const mark = path.join(pod.data, '.holdfast')
  return fs.existsSync(mark) && fs.readFileSync(mark, 'utf8').includes('"dirty":true')
}

async function startedOn(agent: AgentProcess, pod: AgentPod) {
  await agent.ready()
  return treeOf(pod.data)
}

test.each([{ s3: false }, { s3: true }])(
  'kills during the restore of a pinned pod never let the app see half of it (S3: $s3)',
  async ({ s3 }) => {
    const random = new SeededRandom(runSeed('kills during a restore'))
    const store = s3 ? freshS3Url() : `file://${temporaryFolder()}/store`
    const env = s3 ? s3Environment() : {}
    const view = await viewRepository(store)
    const volume = temporaryFolder()
    const writer = await createPod({ store, env, volume })
    const old = await fill(writer, view, 'old')
    await fill(writer, view, 'new')
    await writer.agents[0]?.kill()
    const unshipped = treeOf(volume)

    const pinned = await createPod({ store, env, volume, pin: `v${old}`, restoreRequest: 'now' })
    const halfDone = await restoreThroughKills(pinned, random, 8)
    expect(halfDone).toBeGreaterThan(0)
    expect(await startedOn(pinned.start(), pinned)).toEqual(await view.tree(old))
    const restores = (await view.records()).filter(({ kind }) => kind === 'restore')
    expect(restores).toHaveLength(1)
    const kept = await Promise.all((await view.versions()).map(({ n }) => view.tree(n)))
    expect(kept.some((tree) => isEqual(tree, unshipped))).toBe(true)
  },
)

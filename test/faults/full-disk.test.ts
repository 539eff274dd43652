/** A disk that is full, or a quota that is used up, while a restore writes and while a version is made. */
import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, expect, onTestFinished, test } from 'vitest'
import type { StepName } from '../../agent/session/context.ts'
import { systemClock, type Clock } from '../../shared/clock.ts'
import { openStore } from '../../shared/object-store/open-store.ts'
import { createPod, temporaryFolder } from '../support/agent-pod.ts'
import { mount } from '../support/mount.ts'
import { isShipped, treeOf, viewRepository, type Tree } from '../support/repository-view.ts'
import { SessionAgent } from '../support/session-agent.ts'

const KIB = 1024
const FILES = 8
const PATIENCE_MS = 30_000
/** A start that holds looks again so much sooner. */
const HASTE = 40

const hastyClock: Clock = {
  monotonicMs: () => systemClock.monotonicMs() * HASTE,
  now: () => systemClock.now(),
  sleep: (ms, signal) => systemClock.sleep(ms / HASTE, signal),
}

async function until(what: string, holds: () => boolean): Promise<void> {
  for (const endMs = performance.now() + PATIENCE_MS; !holds(); await sleep(10))
    if (performance.now() > endMs) throw new Error(`in vain for: ${what}`)
}

/** A repository with one version. */
async function past(): Promise<{ url: string; wanted: Tree }> {
  const url = `file://${temporaryFolder()}/store`
  const pod = await createPod({ store: url })
  for (let n = 0; n < FILES; n += 1)
    pod.write(`orders/${n}`, Buffer.alloc(200 * KIB, `order ${n} `))
  const agent = pod.start()
  await isShipped(agent, pod, await viewRepository(url))
  await agent.stop()
  return { url, wanted: treeOf(pod.data) }
}

/** An agent on an empty volume; `onStep` is told how far its start is. */
async function startOn(dir: string, url: string, onStep: (name: StepName) => void) {
  fs.mkdirSync(dir, { recursive: true })
  const store = await openStore(url)
  const agent = new SessionAgent({ dir, store, clock: hastyClock, step: onStep })
  onTestFinished(() => agent.kill())
  return agent
}

async function expectHeldThenWhole(
  agent: SessionAgent,
  dir: string,
  wanted: Tree,
  mend: () => void,
): Promise<void> {
  await until('it holds', () => agent.facts.phase === 'holding' || agent.failure !== undefined)
  expect(agent.failure).toBeUndefined()
  expect(agent.facts.ready).toBe(false)
  expect(JSON.parse(fs.readFileSync(path.join(dir, '.holdfast'), 'utf8'))).toMatchObject({
    dirty: true,
  })
  mend()
  await until('the app is let go', () => agent.facts.ready)
  expect(treeOf(dir)).toEqual(wanted)
  await agent.stop()
  expect(agent.failure).toBeUndefined()
}

test('a disk that fills while a restore writes holds the app, with a sentence; room brings it back whole', async (context) => {
  const { url, wanted } = await past()
  const disk = temporaryFolder()
  if (!mount('-t', 'tmpfs', '-o', 'size=4m', 'none', disk)) {
    console.log('not tested: this user may not mount a tmpfs')
    return context.skip()
  }
  const dir = path.join(disk, 'data')
  const filler = path.join(disk, 'filler')
  let full = false
  const agent = await startOn(dir, url, (name) => {
    if (name !== 'marked dirty' || full) return
    full = true
    fs.writeFileSync(filler, Buffer.alloc(3 * KIB * KIB))
  })
  await until('it holds', () => agent.facts.phase === 'holding' || agent.failure !== undefined)
  expect(agent.facts.reason).toMatch(/ENOSPC|free/)
  await expectHeldThenWhole(agent, dir, wanted, () => fs.rmSync(filler))
})

const { writeSync } = fs
afterEach(() => {
  fs.writeSync = writeSync
  syncBuiltinESMExports()
})

/** From now on writes of more than a mark fail like this. */
function failWrites(code: string): void {
  fs.writeSync = ((...args: Parameters<typeof writeSync>) => {
    const [, bytes] = args
    if (bytes.length < KIB) return writeSync(...args)
    throw Object.assign(new Error(`${code}: write`), { code, errno: -122, syscall: 'write' })
  }) as typeof writeSync
  syncBuiltinESMExports()
}

test.each(['EDQUOT', 'EIO'])(
  'a write that fails with %s while a restore writes holds the app, too',
  async (code) => {
    const { url, wanted } = await past()
    const dir = path.join(temporaryFolder(), 'data')
    let failed = false
    const agent = await startOn(dir, url, (name) => {
      if (name !== 'marked dirty' || failed) return
      failed = true
      failWrites(code)
    })
    await until('it holds', () => agent.facts.phase === 'holding' || agent.failure !== undefined)
    expect(agent.facts.reason).toMatch(code)
    await expectHeldThenWhole(agent, dir, wanted, () => {
      fs.writeSync = writeSync
      syncBuiltinESMExports()
    })
  },
)

test('a volume that its app has filled to the last byte is shipped all the same', async (context) => {
  const disk = temporaryFolder()
  if (!mount('-t', 'tmpfs', '-o', 'size=1m', 'none', disk)) {
    console.log('not tested: this user may not mount a tmpfs')
    return context.skip()
  }
  const pod = await createPod({ store: `file://${temporaryFolder()}/store`, volume: disk })
  const view = await viewRepository(pod.assignment.store)
  const agent = pod.start()
  await agent.ready()
  expect(() => pod.write('everything', Buffer.alloc(2 * KIB * KIB, 'full'))).toThrow('ENOSPC')
  await isShipped(agent, pod, view)
  fs.truncateSync(path.join(disk, 'everything'), 10)
  await isShipped(agent, pod, view)
  expect(await agent.stop()).toEqual({ code: 0, signal: null })
  expect(agent.errors).toBe('')
})

/** Files that do not hold still: rewritten under the reader, in disguise, renamed in storms, moved with their directories. */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import path from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { createPod, temporaryFolder } from '../support/agent-pod.ts'
import { isShipped, treeOf, viewRepository } from '../support/repository-view.ts'
import { SeededRandom, runSeed } from '../support/seeded-random.ts'

const REWRITER = path.join(import.meta.dirname, '../agent/capture/rewrite.ts')

async function running() {
  const pod = await createPod({ store: `file://${temporaryFolder()}/store`, withinMs: 200 })
  pod.write('first', 'there before')
  const view = await viewRepository(pod.assignment.store)
  const agent = pod.start()
  await isShipped(agent, pod, view)
  return { pod, view, agent }
}

/** Runs of the same byte; a file that a writer goes through once at a time has two at most. */
function runsOf(bytes: Buffer): number {
  let runs = 0
  for (let at = 0; at < bytes.length; at += 1)
    if (at === 0 || bytes[at] !== bytes[at - 1]) runs += 1
  return runs
}

test('a file that is rewritten without rest is in each version as it was at one moment, or listed as unstable', async () => {
  const { pod, view, agent } = await running()
  pod.write('ledger', Buffer.alloc(3_000_000))
  const writer = fork(REWRITER, [path.join(pod.data, 'ledger')])
  onTestFinished(() => void writer.kill('SIGKILL'))
  await once(writer, 'message')
  const seen = new Set<number>()
  let stable = 0
  while (seen.size < 6) {
    await agent.until('another version', async () => !seen.has(await view.latest()))
    const version = await view.latest()
    seen.add(version)
    const into = path.join(pod.root, `copy-${version}`)
    await view.restore(version, into)
    const record = (await view.versions()).find(({ n }) => n === version)
    const ledger = path.join(into, 'ledger')
    const isWhole = !fs.existsSync(ledger) || runsOf(fs.readFileSync(ledger)) <= 2
    if (record?.complete === true) stable += 1
    expect(isWhole || record?.faults.unstable === 1, `v${version}`).toBe(true)
  }
  console.log(`${stable} of ${seen.size} versions of a file that never rests are complete`)
  const ended = once(writer, 'exit')
  writer.disconnect()
  await ended
  await agent.until('a complete version', async () => (await agent.health()).lastComplete)
  await agent.until('all is shipped', async () => (await agent.health()).lagSeconds === 0)
  const into = path.join(pod.root, 'at-last')
  expect(await view.restore(await view.latest(), into)).toEqual(treeOf(pod.data))
})

test('a rewrite that keeps size and time is found, each time, also right after the last', async () => {
  const { pod, view, agent } = await running()
  const random = new SeededRandom(runSeed('rewrites in disguise'))
  const at = path.join(pod.data, 'page')
  fs.writeFileSync(at, Buffer.alloc(4096, 0))
  const { atime, mtime } = fs.statSync(at)
  fs.utimesSync(at, atime, mtime)
  for (let n = 1; n <= 8; n += 1) {
    if (random.below(2) === 0) await isShipped(agent, pod, view)
    fs.writeFileSync(at, Buffer.alloc(4096, n), { flag: 'r+' })
    fs.utimesSync(at, atime, mtime)
    await isShipped(agent, pod, view)
  }
})

test('a storm of renames ends in a version that has every file where it ended', async () => {
  const { pod, view, agent } = await running()
  const random = new SeededRandom(runSeed('rename storm'))
  const FILES = 60
  const at = (name: string) => path.join(pod.data, name)
  for (let n = 0; n < FILES; n += 1) pod.write(`storm/${n % 5}/${n}`, `file ${n}`)
  for (let storm = 0; storm < 4; storm += 1) {
    for (let n = 0; n < 400; n += 1) {
      const [a, b] = [random.below(FILES), random.below(FILES)]
      const [from, to] = [at(`storm/${a % 5}/${a}`), at(`storm/${b % 5}/${b}`)]
      if (from === to || !fs.existsSync(from)) continue
      // Two change places by way of a third name.
      if (fs.existsSync(to)) fs.renameSync(to, at('storm/aside'))
      fs.renameSync(from, to)
      if (fs.existsSync(at('storm/aside'))) fs.renameSync(at('storm/aside'), from)
    }
    await isShipped(agent, pod, view)
  }
})

test('directories that are moved in, within and out take all that is below with them', async () => {
  const { pod, view, agent } = await running()
  const outside = path.join(pod.root, 'outside')
  fs.mkdirSync(path.join(outside, 'a/b/c'), { recursive: true })
  for (let n = 0; n < 50; n += 1) fs.writeFileSync(path.join(outside, 'a/b/c', `${n}`), `file ${n}`)
  const at = (name: string) => path.join(pod.data, name)

  fs.renameSync(path.join(outside, 'a'), at('in'))
  await isShipped(agent, pod, view)
  pod.write('in/b/c/1', 'changed below what was moved in')
  await isShipped(agent, pod, view)
  fs.mkdirSync(at('elsewhere'))
  fs.renameSync(at('in/b'), at('elsewhere/b'))
  await isShipped(agent, pod, view)
  pod.write('elsewhere/b/c/2', 'changed below what was moved within')
  pod.write('in/fresh', 'beside what was moved away')
  await isShipped(agent, pod, view)
  fs.renameSync(at('elsewhere/b'), path.join(outside, 'out'))
  await isShipped(agent, pod, view)
  fs.writeFileSync(path.join(outside, 'out/c/3'), 'no business of ours any more')
  fs.renameSync(path.join(outside, 'out'), at('elsewhere/back'))
  await isShipped(agent, pod, view)
  expect(await agent.stop()).toEqual({ code: 0, signal: null })
})

/**
 * What the system gives a watcher runs out: watches (ENOSPC), instances (EMFILE), room for events. Hints end then, and
 * the promise does not: every change is in the next version all the same.
 */
import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { createPod, temporaryFolder, type AgentPod } from '../support/agent-pod.ts'
import { memoryFolder } from '../support/memory-folder.ts'
import { isShipped, treeOf, viewRepository } from '../support/repository-view.ts'

/** A user namespace has limits of its own, below those of the machine. */
function under(limit: string): string[] {
  const script = `echo ${limit.split('=')[1]} > /proc/sys/user/${limit.split('=')[0]} && exec "$@"`
  return ['unshare', '--user', '--map-root-user', 'sh', '-c', script, 'sh']
}

const LIMITS = [
  ['no watch at all', 'max_inotify_watches=0'],
  ['watches for the first few directories', 'max_inotify_watches=5'],
  ['no watcher at all', 'max_inotify_instances=0'],
] as const

test.each(LIMITS)(
  'where the system grants %s, changes are found by looking',
  async (_what, limit) => {
    const words = under(limit)
    const [program = '', ...rest] = words
    const may = spawnSync(program, [...rest, 'true']).status === 0
    if (!may) console.log('not limited: this user may not make a user namespace with limits')
    const store = `file://${temporaryFolder()}/store`
    const pod = await createPod({ store, under: may ? words : [] })
    for (let n = 0; n < 12; n += 1) pod.write(`${n}/deep/down/file`, `first ${n}`)
    const view = await viewRepository(store)
    const agent = pod.start()
    await isShipped(agent, pod, view)
    for (let round = 0; round < 3; round += 1) {
      pod.write(`${3 + round * 4}/deep/down/file`, `changed ${round}`)
      pod.write(`new-${round}/below/file`, 'in a new directory')
      await isShipped(agent, pod, view)
    }
    if (may) expect(agent.words).toMatch(/scan|look/)
    expect((await agent.health()).problem).toBe('')
    expect(await agent.stop()).toEqual({ code: 0, signal: null })
  },
)

const BURST = 30_000
const PER_DIRECTORY = 1000

/** Makes very many files as fast as they can be made; more events than the kernel keeps. */
function burst(pod: AgentPod, from: number, count: number): void {
  for (let n = from; n < from + count; n += 1) {
    const dir = path.join(pod.data, 'burst', String(Math.floor(n / PER_DIRECTORY)))
    if (n % PER_DIRECTORY === 0) fs.mkdirSync(dir, { recursive: true })
    fs.writeFileSync(path.join(dir, String(n)), `file ${n}`)
  }
}

test(`${BURST} files in one burst, and a move of them all, are all in the version that follows`, async () => {
  const volume = memoryFolder()
  const pod = await createPod({ store: `file://${temporaryFolder()}/store`, volume })
  pod.write('first', 'there before')
  const view = await viewRepository(pod.assignment.store)
  const agent = pod.start()
  await isShipped(agent, pod, view)

  burst(pod, 0, BURST)
  pod.write('last', 'of the burst')
  // By its counts, which its header has: to compare 60,000 entries again and again would be most of the work.
  const shippedFiles = async () => {
    const logged = await view.log.record(await view.latest())
    return logged?.record.kind === 'version' ? logged.record.counts.files : 0
  }
  await agent.until('all of the burst is shipped', async () => (await shippedFiles()) === BURST + 2)
  expect(await view.tree(await view.latest())).toEqual(treeOf(pod.data))

  fs.rmSync(path.join(pod.data, 'burst/7'), { recursive: true })
  fs.renameSync(path.join(pod.data, 'burst'), path.join(pod.data, 'moved'))
  await agent.until('what has gone is gone', async () => {
    return (await shippedFiles()) === BURST + 2 - PER_DIRECTORY
  })
  const tree = await view.tree(await view.latest())
  expect(tree).toEqual(treeOf(pod.data))
  expect(await agent.stop()).toEqual({ code: 0, signal: null })
})

/** Two agents on one stream: the log decides who writes the main line, and nothing that either had is lost. */
import fs from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { createPod, temporaryFolder, type AgentPod } from '../support/agent-pod.ts'
import type { AgentProcess } from '../support/agent-process.ts'
import { hashOf, isShipped, treeOf, viewRepository } from '../support/repository-view.ts'
import type { RepositoryView } from '../support/repository-view.ts'
import { freshS3Url, s3Environment } from '../support/s3-url.ts'
import { SeededRandom, runSeed } from '../support/seeded-random.ts'

/** Writes that a test waits for, at random moments; what it wrote. */
async function writeMuch(pod: AgentPod, who: string, random: SeededRandom): Promise<string[]> {
  const written: string[] = []
  for (let n = 0; n < 8; n += 1) {
    const content = `${who} wrote ${n}`
    pod.write(`${who}/${n}`, content)
    written.push(content)
    await sleep(random.below(120))
  }
  return written
}

async function isKept(agent: AgentProcess, view: RepositoryView, contents: string[]) {
  await agent.until('every write is in some version', async () => {
    const kept = await view.everything()
    return contents.every((content) => kept.has(hashOf(content)))
  })
}

async function expectSuperseded(agent: AgentProcess): Promise<void> {
  await agent.logged('it reports itself superseded', ({ msg }) => msg.startsWith('superseded'))
  expect((await agent.health()).line).toBe('superseded')
  expect(await agent.metrics()).toMatch(/^holdfast_superseded\{[^}]*\} 1$/m)
}

test.each([{ s3: false }, { s3: true }])(
  'a second agent takes the main line; the first ships on beside it and ends clean (S3: $s3)',
  async ({ s3 }) => {
    const random = new SeededRandom(runSeed('two writers'))
    const store = s3 ? freshS3Url() : `file://${temporaryFolder()}/store`
    const options = { store, env: s3 ? s3Environment() : {}, withinMs: 200 }
    const view = await viewRepository(store)
    const older = await createPod({ ...options, name: 'shop-older' })
    older.write('shared', 'before the second came')
    const olderAgent = older.start()
    await isShipped(olderAgent, older, view)

    const newer = await createPod({ ...options, name: 'shop-newer' })
    const newerAgent = newer.start()
    await newerAgent.ready()
    expect(newer.read('shared')).toBe('before the second came')
    const [byOlder, byNewer] = await Promise.all([
      writeMuch(older, 'older', random),
      writeMuch(newer, 'newer', random),
    ])
    await isShipped(newerAgent, newer, view)
    await isKept(olderAgent, view, byOlder)
    await isKept(newerAgent, view, byNewer)
    await expectSuperseded(olderAgent)

    // What the superseded one writes later is shipped, too, and its last words as well.
    older.write('later', 'long after')
    await isKept(olderAgent, view, ['long after'])
    older.write('last', 'just before the end')
    expect(await olderAgent.stop()).toEqual({ code: 0, signal: null })
    expect(olderAgent.errors).toBe('')
    await isKept(newerAgent, view, ['just before the end'])

    const { owner, head } = await view.state()
    expect(owner?.pod.name).toBe('shop-newer')
    expect(await view.tree(head?.version ?? 0)).not.toHaveProperty('later')
    expect((await newerAgent.health()).line).toBe('main')
    const versions = await view.versions()
    for (const { branch, pod } of versions)
      if (branch) expect(pod.name, 'only the older one has a branch').toBe('shop-older')
    const branch = versions.filter(({ branch: is }) => is)
    expect(new Set(branch.map(({ lineage }) => lineage)).size).toBe(1)
    expect(await newerAgent.stop()).toEqual({ code: 0, signal: null })
  },
)

test('two agents that start at the same moment, each with content, lose nothing of it', async () => {
  const random = new SeededRandom(runSeed('a race of two starts'))
  for (let round = 0; round < 4; round += 1) {
    const store = `file://${temporaryFolder()}/store`
    const view = await viewRepository(store)
    const pods = await Promise.all(
      ['shop-a', 'shop-b'].map((name) => createPod({ store, name, withinMs: 200 })),
    )
    for (const pod of pods) pod.write('mine', `${pod.uid} had this before`)
    const agents: AgentProcess[] = []
    for (const pod of pods) {
      agents.push(pod.start())
      await sleep(random.below(80))
    }
    await Promise.all(agents.map((agent) => agent.ready()))
    for (const pod of pods) pod.write('more', `${pod.uid} wrote this after`)
    const all = pods.flatMap(({ uid }) => [`${uid} had this before`, `${uid} wrote this after`])
    await isKept(agents[0] as AgentProcess, view, all)
    for (const agent of agents) expect(await agent.stop()).toEqual({ code: 0, signal: null })
    await isWholeLog(view)
  }
})

test('an agent that restarts under a superseded app changes no byte, also when the app wiped the mark', async () => {
  const store = `file://${temporaryFolder()}/store`
  const view = await viewRepository(store)
  const older = await createPod({ store, name: 'shop-older' })
  older.write('mine', 'shipped')
  const olderAgent = older.start()
  await isShipped(olderAgent, older, view)
  const newer = await createPod({ store, name: 'shop-newer' })
  const newerAgent = newer.start()
  await newerAgent.ready()
  newer.write('elsewhere', 'the line went on')
  await isShipped(newerAgent, newer, view)
  await olderAgent.kill()

  fs.rmSync(path.join(older.data, '.holdfast'))
  older.write('mine', 'the app went on')
  const before = treeOf(older.data)
  const again = older.start()
  await again.ready()
  await isKept(again, view, ['the app went on'])
  expect(treeOf(older.data)).toEqual(before)
  expect(await view.tree(await view.latest())).toEqual(treeOf(newer.data))
})

/** One main line: each main record follows the one that owns the line at its time. */
async function isWholeLog(view: RepositoryView): Promise<void> {
  let owner: string | undefined
  for (const record of await view.records()) {
    if (record.branch) continue
    if (record.kind === 'open' || record.kind === 'restore') owner = record.writer
    expect(record.writer).toBe(owner)
  }
}

test('a restarted agent leaves its app alone that runs, though another pod has the stream and its volume is empty', async () => {
  const options = { store: `file://${temporaryFolder()}/store`, withinMs: 200 }
  const view = await viewRepository(options.store)
  const older = await createPod({ ...options, name: 'shop-older' })
  const killed = older.start()
  await killed.ready()
  await killed.kill()
  const newer = await createPod({ ...options, name: 'shop-newer' })
  newer.write('theirs', 'of the newer')
  await isShipped(newer.start(), newer, view)

  const restarted = older.start()
  await restarted.ready()
  older.write('own', 'of the older')
  await isKept(restarted, view, ['of the older'])
  await expectSuperseded(restarted)
  expect(Object.keys(treeOf(older.data))).toEqual(['own'])
})

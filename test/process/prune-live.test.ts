/**
 * Prune beside a real agent whose app writes without rest, and that is killed now and then. A day lasts some seconds
 * here, so that versions, packs and moves come and go all the while. Whatever resolves is whole, bit for bit, and the
 * same as when it was seen first. `HOLDFAST_PRUNE_SECONDS` sets how long it goes on.
 */
import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { PRODUCTION } from '../../cli/prune-steps.ts'
import { pruneStream } from '../../cli/prune-stream.ts'
import { systemClock } from '../../shared/clock.ts'
import { createHold } from '../../shared/repository/holds.ts'
import { createPod, temporaryFolder, type AgentPod } from '../support/agent-pod.ts'
import { treeOf, viewRepository } from '../support/repository-view.ts'
import { freshS3Url, s3Environment } from '../support/s3-url.ts'
import { SeededRandom, runSeed } from '../support/seeded-random.ts'
import { StreamAudit, type Content } from '../support/stream-audit.ts'

const SECONDS = Number(process.env['HOLDFAST_PRUNE_SECONDS'] ?? 15)
/** Far longer than an upload takes until its commit, which in earnest has an hour of a day. */
const DAY_MS = 5000
const KEEP = { allMs: 2000, hourly: 1, daily: 1, weekly: 1 }

/** Small files, and bursts that make packs which are partly dead soon. */
function write(pod: AgentPod, random: SeededRandom): void {
  if (random.below(4) > 0) pod.write(`small/${random.below(20)}`, randomBytes(random.below(3000)))
  else
    for (let i = 0; i < 4; i += 1)
      if (i === 0 || random.below(3) > 0)
        pod.write(`large/${i === 0 ? random.below(30) : i}`, randomBytes(1_100_000))
}

test.each([{ s3: false }, { s3: true }])(
  'every version that resolves beside a live writer is whole (S3: $s3)',
  async ({ s3 }) => {
    const random = new SeededRandom(runSeed('prune beside a writer'))
    const store = s3 ? freshS3Url() : `file://${temporaryFolder()}/store`
    const pod = await createPod({ store, env: s3 ? s3Environment() : {}, withinMs: 100 })
    const view = await viewRepository(store)
    const audit = new StreamAudit(view.store, view.log.stream)
    const seen = new Map<number, Content>()
    const held: number[] = []
    const done = { versions: 0, objects: 0, compacted: 0 }
    const check = async (n: number) => {
      const content = await audit.read(n)
      expect(content, `v${n}`).toEqual(seen.get(n) ?? content)
      seen.set(n, content)
    }
    const prune = async () => {
      const from = { store: view.store, log: view.log, patience: { clock: systemClock } }
      const order = { keep: KEEP, confirmed: undefined, dryRun: false }
      const seams = { ...PRODUCTION, dayMs: DAY_MS }
      const run = (confirmed?: number) =>
        pruneStream(from, { ...order, confirmed }, seams, () => undefined)
      const first = await run()
      const { stopped } = first.decision
      for (const { swept } of stopped === undefined
        ? [first]
        : [first, await run(stopped.versions)])
        for (const what of ['versions', 'objects', 'compacted'] as const)
          done[what] += swept?.[what] ?? 0
    }

    const stop = new AbortController()
    const app = (async () => {
      for (; !stop.signal.aborted; await sleep(20 + random.below(100))) write(pod, random)
    })()
    let agent = pod.start()
    await agent.ready()
    const end = performance.now() + SECONDS * 1000
    for (let round = 0; performance.now() < end; round += 1) {
      await Promise.all([prune(), round % 7 === 3 ? hold() : undefined])
      const resolving = await audit.resolving()
      for (const n of resolving.filter((each) => !seen.has(each)).slice(-3)) await check(n)
      if (round % 9 === 5) {
        await agent.kill()
        agent = pod.start()
        await agent.ready()
      }
      await sleep(200)
    }
    stop.abort()
    await app
    expect(await agent.stop()).toEqual({ code: 0, signal: null })
    expect(agent.errors).toBe('')

    await prune()
    const resolving = await audit.resolving()
    for (const n of resolving) await check(n)
    expect(resolving).toEqual(expect.arrayContaining([...held, await view.latest()]))
    console.log({ ...done, resolving: resolving.length, seen: seen.size })
    const tree = Object.entries(treeOf(pod.data)).map(([name, what]) => [`0/${name}`, what])
    expect(seen.get(await view.latest())).toEqual({ 0: 'directory', ...Object.fromEntries(tree) })
    // The product's own restore finds what was moved.
    for (const n of resolving.slice(-3)) await view.restore(n, `${pod.root}/restored-${n}`)
    const copy = await view.restore(await view.latest(), `${pod.root}/copy`)
    expect(copy).toEqual(treeOf(pod.data))
    expect(Math.min(done.versions, done.objects + done.compacted)).toBeGreaterThan(0)

    async function hold(): Promise<void> {
      const version = await view.latest()
      if (version !== 0 && !held.includes(version)) {
        await createHold(view.store, view.log.stream, version, 'for the test')
        held.push(version)
      }
    }
  },
  SECONDS * 1000 + 120_000,
)

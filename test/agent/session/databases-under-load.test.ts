/** The agent's own session beside apps that write to their databases: each version that it makes is whole, and comes back. */
import { randomUUID } from 'node:crypto'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { systemClock } from '../../../shared/clock.ts'
import { createFileStore } from '../../../shared/object-store/file-store.ts'
import { RepositoryView } from '../../support/repository-view.ts'
import { SeededRandom, runSeed } from '../../support/seeded-random.ts'
import { SessionAgent } from '../../support/session-agent.ts'
import { App, examine } from '../capture/sqlite/app.ts'

const SUM =
  'select coalesce((select sum(amount) from a), 0) + coalesce((select sum(amount) from b), 0)'
/** Of each case; the long run asks for 200. */
const VERSIONS = Number(process.env['HOLDFAST_DATABASE_VERSIONS'] ?? 30)

let base: string
let dir: string
let agent: SessionAgent | undefined
const apps: App[] = []

beforeEach(() => {
  base = fs.mkdtempSync(path.join(os.tmpdir(), 'holdfast-load-'))
  dir = path.join(base, 'data')
  fs.mkdirSync(dir)
})
afterEach(async () => {
  await agent?.kill()
  for (const app of apps.splice(0)) await app.kill()
  fs.rmSync(base, { recursive: true })
})

interface Case {
  readonly journal: string
  readonly restMs: number
  /** The app is killed after so many versions, and started again; so is the agent, after as many. */
  readonly killEvery: number
}

async function untilVersions(running: SessionAgent, count: number): Promise<void> {
  while (running.acknowledged.length < count) {
    expect(running.failure).toBeUndefined()
    await sleep(20)
  }
}

test.each<Case>([
  { journal: 'wal', restMs: 1, killEvery: 7 },
  { journal: 'wal', restMs: 0, killEvery: 1000 },
  { journal: 'delete', restMs: 5, killEvery: 7 },
])(
  'each version beside writers in mode $journal, killed every $killEvery versions, is whole',
  async ({ journal, restMs, killEvery }) => {
    let seed = runSeed(`databases under load (${journal})`)
    const store = createFileStore(path.join(base, 'store'))
    const pod = randomUUID()
    const write = (name: string) =>
      App.writing({
        database: path.join(dir, name),
        journal,
        seed: (seed += 1),
        restMs,
        roundsPerConnection: 40,
      })
    fs.writeFileSync(path.join(dir, 'note.txt'), 'beside them')
    for (const name of ['one.db', 'two.db']) apps.push(await write(name))
    for (let made = 0; made < VERSIONS; made += killEvery) {
      agent = new SessionAgent({ dir, store, clock: systemClock, pod, withinMs: 400 })
      await untilVersions(agent, Math.min(killEvery, VERSIONS - made))
      if (made + killEvery >= VERSIONS) break
      await agent.kill()
      await apps.shift()?.kill()
      apps.push(await write(made % (2 * killEvery) === 0 ? 'one.db' : 'two.db'))
    }
    for (const app of apps.splice(0)) await app.kill()
    await agent?.stop()
    expect(agent?.failure).toBeUndefined()
    await expectAllWhole(new RepositoryView(store))
  },
)

async function expectAllWhole(view: RepositoryView): Promise<void> {
  const versions = await view.versions()
  expect(versions.length).toBeGreaterThanOrEqual(VERSIONS)
  // Over each other: what one leaves beside a database must not reach the next.
  const into = path.join(base, 'restored')
  for (const { n, complete, faults } of versions) {
    expect({ n, complete, faults: faults.unreadable }).toEqual({ n, complete: true, faults: 0 })
    const names = Object.keys(await view.restore(n, into))
    expect(names.filter((name) => !name.endsWith('.db'))).toEqual(['note.txt'])
    for (const name of ['one.db', 'two.db'])
      expect({ n, ...examine(path.join(into, name), SUM) }).toEqual({ n, check: 'ok', value: 0 })
  }
}

const LARGE = `pragma journal_mode=wal; pragma wal_autocheckpoint=0;
  create table large (id integer primary key, body blob); begin;
  with recursive n(i) as (select 1 union all select i + 1 from n where i < 50000)
    insert into large select i, randomblob(1000) from n;
  commit; pragma wal_checkpoint(truncate)`
const FRAME_BYTES = 4096 + 24

test('a hundred random rows of 50 MB cost less than three times their pages', async () => {
  const random = new SeededRandom(runSeed('rows of a large database'))
  const store = createFileStore(path.join(base, 'store'))
  const location = path.join(dir, 'large.db')
  const app = await App.at(location)
  apps.push(app)
  await app.run(LARGE)
  agent = new SessionAgent({ dir, store, clock: systemClock, withinMs: 400 })
  await untilVersions(agent, 1)
  const before = bytesBelow(path.join(base, 'store'))
  const rows = Array.from({ length: 100 }, () => 1 + random.below(50_000))
  const ids = rows.join(', ')
  await app.run(`update large set body = randomblob(1000) where id in (${ids})`)
  await untilVersions(agent, 2)
  const pages = Math.floor(fs.statSync(`${location}-wal`).size / FRAME_BYTES)
  expect(pages).toBeGreaterThan(50)
  expect(before).toBeGreaterThan(50_000_000)
  expect(bytesBelow(path.join(base, 'store')) - before).toBeLessThan(3 * pages * 4096)
})

function bytesBelow(folder: string): number {
  const names = fs.readdirSync(folder, { recursive: true, encoding: 'utf8' })
  const files = names.map((name) => fs.statSync(path.join(folder, name)))
  return files.reduce((sum, stat) => sum + (stat.isFile() ? stat.size : 0), 0)
}

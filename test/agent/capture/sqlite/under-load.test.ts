import { createHash } from 'node:crypto'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { DatabasePosition } from '../../../../agent/capture/sqlite/position.ts'
import { withDatabaseSnapshot } from '../../../../agent/capture/sqlite/snapshot.ts'
import { runSeed } from '../../../support/seeded-random.ts'
import { App, examine } from './app.ts'

const SUM =
  'select coalesce((select sum(amount) from a), 0) + coalesce((select sum(amount) from b), 0)'

let dir: string
let apps: App[]

beforeEach(() => {
  dir = fs.mkdtempSync(path.join(os.tmpdir(), 'holdfast-sqlite-'))
  apps = []
})
afterEach(async () => {
  for (const app of apps) await app.kill()
  fs.rmSync(dir, { recursive: true })
})

interface Taken {
  readonly position: DatabasePosition
  readonly bytes: Buffer
  readonly pages: number | 'all'
}

/** Reads all of it, and also only what has changed since `before`: both must give the same bytes. */
async function take(
  database: string,
  before: Taken | undefined,
  windowBytes: number,
): Promise<Taken> {
  return withDatabaseSnapshot(database, async (snapshot) => {
    const { position, pageBytes, sizeBytes } = snapshot
    const changed = snapshot.changedSince(
      // As it would come back from a file.
      before && (JSON.parse(JSON.stringify(before.position)) as DatabasePosition),
    )
    const patched = Buffer.alloc(sizeBytes)
    if (before !== undefined && changed !== 'all') {
      before.bytes.copy(patched)
      for (const page of changed)
        snapshot.read(patched.subarray(page * pageBytes, (page + 1) * pageBytes), page * pageBytes)
    }
    const bytes = Buffer.alloc(sizeBytes)
    for (let at = 0; at < sizeBytes; at += windowBytes) {
      snapshot.read(bytes.subarray(at, Math.min(sizeBytes, at + windowBytes)), at)
      await new Promise(setImmediate)
    }
    if (changed === 'all') return { position, bytes, pages: 'all' }
    expect(patched.equals(bytes), 'what changed is all that changed').toBe(true)
    return { position, bytes, pages: changed.length }
  })
}

test.each([
  { journal: 'wal', processes: 2, restMs: 0, roundsPerConnection: 1000, kills: 0, snapshots: 200 },
  { journal: 'wal', processes: 1, restMs: 1, roundsPerConnection: 25, kills: 0, snapshots: 200 },
  { journal: 'wal', processes: 2, restMs: 0, roundsPerConnection: 100, kills: 15, snapshots: 90 },
  { journal: 'delete', processes: 2, restMs: 2, roundsPerConnection: 50, kills: 0, snapshots: 60 },
  { journal: 'delete', processes: 1, restMs: 1, roundsPerConnection: 50, kills: 15, snapshots: 60 },
  {
    journal: 'truncate',
    processes: 1,
    restMs: 2,
    roundsPerConnection: 50,
    kills: 0,
    snapshots: 40,
  },
  { journal: 'persist', processes: 1, restMs: 2, roundsPerConnection: 50, kills: 0, snapshots: 40 },
  { journal: 'memory', processes: 1, restMs: 2, roundsPerConnection: 50, kills: 0, snapshots: 40 },
])(
  'each snapshot under load is whole and of one moment, and its changes are known: $journal, $processes writers, $roundsPerConnection rounds per connection',
  async ({ journal, processes, restMs, roundsPerConnection, kills, snapshots }) => {
    const database = path.join(dir, 'app.db')
    let seed = runSeed(`snapshots under load (${journal})`)
    const start = () =>
      App.writing({ database, journal, seed: (seed += 1), restMs, roundsPerConnection })
    for (let i = 0; i < processes; i += 1) apps.push(await start())
    let before: Taken | undefined
    let known = 0
    const moments = new Set<string>()
    for (let i = 0; i < snapshots; i += 1) {
      if (kills > 0 && i % Math.floor(snapshots / kills) === 0) {
        await apps.shift()?.kill()
        if (processes > 1) apps.push(await start())
      } else if (apps.length === 0) apps.push(await start())
      // A single writer that was killed is started for the next snapshot: this one finds what it left.
      await apps[i % apps.length]?.progress()
      const taken = await take(database, before, i % 3 === 0 ? 10_000 : 1024 * 1024)
      if (taken.pages !== 'all') known += 1
      const copy = path.join(dir, `copy-${i}.db`)
      fs.writeFileSync(copy, taken.bytes)
      expect(examine(copy, SUM)).toEqual({ check: 'ok', value: 0 })
      for (const suffix of ['', '-wal', '-shm']) fs.rmSync(copy + suffix, { force: true })
      moments.add(createHash('sha256').update(taken.bytes).digest('hex'))
      before = taken
    }
    console.log(
      `${journal}: ${moments.size} moments, changes known of ${known} of ${snapshots} snapshots`,
    )
    expect(moments.size).toBeGreaterThan(snapshots / 4)
    if (journal === 'wal') expect(known).toBeGreaterThan(0)
  },
)

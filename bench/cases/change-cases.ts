/** Changes beside a running agent. restic has none: its users start it again. */
import { randomBytes } from 'node:crypto'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import type { Bench, Case, Turn } from '../bench.ts'
import { DatabaseApp } from '../corpora/database.ts'
import { addTo } from '../measure/measured-work.ts'
import { programOf } from '../programs/both.ts'
import { startAgent, type RunningAgent } from '../programs/running-agent.ts'
import { median } from '../report.ts'
import type { Place } from '../stores/place.ts'
import { changeOneFile } from './backup-cases.ts'

const STORES = ['local', 'S3'] as const
const CHANGES = 3
/** An agent lets a burst settle for a quarter of a second, or for a quarter of what was promised: here 10 ms. */
const HASTY_WITHIN_MS = 40

/** Changes something; answers when the app was done with it (`performance.now()`), and what it changed where it knows. */
type Change = () => { readonly doneAtMs: number; readonly changedBytes?: number }

export const oneChange: Case = {
  name: 'one-change',
  stores: STORES,
  once: false,
  async run(bench, turn) {
    const { fewFiles, realFiles } = bench.sizes
    for (const [count, folder] of [
      [fewFiles, await bench.corpora.fewFiles()],
      [realFiles, await bench.corpora.realFiles()],
    ] as const) {
      const change = () => {
        changeOneFile(folder)
        return { doneAtMs: performance.now() }
      }
      const work = { name: `one changed file of ${count}`, folder, change, times: CHANGES }
      await changeBeside(bench, turn, work)
      const hasty = { ...work, name: `${work.name}, 10 ms to settle`, withinMs: HASTY_WITHIN_MS }
      await measureAgent(bench, turn, hasty)
    }
  },
}

export const burst: Case = {
  name: 'burst',
  stores: STORES,
  once: false,
  async run(bench, turn) {
    const { burstFiles } = bench.sizes
    const folder = await bench.corpora.fewFiles()
    const at = path.join(folder, 'burst')
    const change = () => {
      mkdirSync(at, { recursive: true })
      for (let i = 0; i < burstFiles; i += 1)
        writeFileSync(path.join(at, `file-${i}`), randomBytes(1024))
      return { doneAtMs: performance.now(), changedBytes: burstFiles * 1024 }
    }
    try {
      await changeBeside(bench, turn, {
        name: `${burstFiles} files at once`,
        folder,
        change,
        times: 1,
      })
    } finally {
      rmSync(at, { recursive: true, force: true })
    }
  },
}

export const changedRows: Case = {
  name: 'changed-rows',
  stores: STORES,
  once: false,
  async run(bench, turn) {
    const { changedRows: rows } = bench.sizes
    const folder = await bench.corpora.database()
    const app = new DatabaseApp(path.join(folder, 'app.db'))
    const change = () => {
      const { committedAtMs, changedBytes } = app.changeRows(rows)
      return { doneAtMs: committedAtMs, changedBytes }
    }
    try {
      await changeBeside(bench, turn, {
        name: `${rows} rows of a database`,
        folder,
        change,
        times: 1,
      })
    } finally {
      app.close()
    }
  },
}

interface ChangeWork {
  readonly name: string
  readonly folder: string
  readonly change: Change
  /** With an agent; the median counts. */
  readonly times: number
  readonly withinMs?: number
}

async function changeBeside(bench: Bench, turn: Turn, work: ChangeWork): Promise<void> {
  for (const side of turn.sides)
    if (side === 'holdfast') await measureAgent(bench, turn, work)
    else await measureRestic(bench, turn, work)
}

/** From the end of the change to the moment at which the agent knows that the store has it. */
async function measureAgent(bench: Bench, turn: Turn, work: ChangeWork): Promise<void> {
  const place = await turn.newPlace()
  const { folder: volume, withinMs = 5000 } = work
  const agent = await startAgent(bench, { place, volume, withinMs })
  await agent.ready()
  await agent.versionAfter(0)
  await agent.settled()
  const seen: Seen[] = []
  for (let i = 0; i < work.times; i += 1) seen.push(await seeChange(agent, place, work.change))
  await agent.stop()
  const add = addTo(bench, turn, work.name, 'holdfast')
  const middle = (value: (one: Seen) => number) => median(seen.map(value))
  add(
    'time to durable',
    'ms',
    middle(({ durableMs }) => durableMs),
  )
  add(
    'stored',
    'bytes',
    middle(({ storedBytes }) => storedBytes),
  )
  addChanged(add, seen[0]?.changedBytes)
  if (turn.store === 'local') return
  add(
    'requests',
    'count',
    middle(({ requests }) => requests),
  )
  add(
    'PUTs',
    'count',
    middle(({ puts }) => puts),
  )
}

interface Seen {
  readonly durableMs: number
  readonly storedBytes: number
  readonly requests: number
  readonly puts: number
  readonly changedBytes: number | undefined
}

/** Requests and bytes include whatever the agent still does until it rests. */
async function seeChange(agent: RunningAgent, place: Place, change: Change): Promise<Seen> {
  const storedBefore = await place.storedBytes()
  const before = await place.requests()
  const { doneAtMs, changedBytes } = change()
  const durableMs = (await agent.versionAfter(doneAtMs)) - doneAtMs
  await agent.settled()
  const after = await place.requests()
  return {
    durableMs,
    storedBytes: (await place.storedBytes()) - storedBefore,
    requests: (after?.all ?? 0) - (before?.all ?? 0),
    puts: (after?.puts ?? 0) - (before?.puts ?? 0),
    changedBytes,
  }
}

/** `restic backup`, again. */
async function measureRestic(bench: Bench, turn: Turn, work: ChangeWork): Promise<void> {
  const program = programOf(bench, 'restic')
  const place = await turn.newPlace()
  await program.prepare(place)
  await program.backup(place, work.folder)
  const storedBefore = await place.storedBytes()
  const before = await place.requests()
  const { changedBytes } = work.change()
  const { wallMs } = await program.backup(place, work.folder)
  const after = await place.requests()
  const add = addTo(bench, turn, work.name, 'restic')
  add('time to durable', 'ms', wallMs)
  add('stored', 'bytes', (await place.storedBytes()) - storedBefore)
  addChanged(add, changedBytes)
  if (before === undefined || after === undefined) return
  add('requests', 'count', after.all - before.all)
  add('PUTs', 'count', after.puts - before.puts)
}

function addChanged(add: ReturnType<typeof addTo>, changedBytes: number | undefined): void {
  if (changedBytes !== undefined) add('changed by the app', 'bytes', changedBytes)
}

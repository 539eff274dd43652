#!/usr/bin/env node
/**
 * A month of commits, one every five seconds, by the real committer into a store in memory: what a commit costs as the
 * log grows, and what it then takes to read the newest version. `node bench/month.ts [--commits 518400] [--seed 1]`
 */
import { Command, InvalidArgumentError } from 'commander'
import { HeldVersion } from '../agent/capture/held-version.ts'
import { Committer } from '../agent/session/committer.ts'
import { newWriter } from '../agent/session/identity.ts'
import { LogWriter } from '../agent/session/log-writer.ts'
import { formatBytes } from '../cli/text/sizes.ts'
import { formatTable } from '../cli/text/table.ts'
import { systemClock } from '../shared/clock.ts'
import { PLAIN_VAULT } from '../shared/encryption/vault.ts'
import { DeltaChain } from '../shared/repository/delta-chain.ts'
import { EMPTY_MANIFEST } from '../shared/repository/manifest.ts'
import { VersionLog } from '../shared/repository/version-log.ts'
import { loadManifest } from '../shared/repository/version-object.ts'
import { SimulatedApp } from './month/app.ts'
import { CountedStore } from './month/counted-store.ts'

const PER_HOUR = 720
const MONTH = 30 * 24 * PER_HOUR
const STREAM = { namespace: 'bench', app: 'month', slot: '0' }
const SPANS: readonly (readonly [string, number])[] = [
  ['an hour', PER_HOUR],
  ['a day', 24 * PER_HOUR],
  ['a week', 7 * 24 * PER_HOUR],
  ['a month', MONTH],
]

const HEADERS = [
  'after',
  'versions',
  'stored',
  'each: median',
  '99 %',
  'largest',
  'CPU each',
  'to read latest',
  'GETs',
  'links',
]

const options = new Command('month')
  .option('--commits <count>', 'how many', readCount, MONTH)
  .option('--files <count>', 'in the volume', readCount, 5000)
  .option('--changed <count>', 'files in each commit', readCount, 3)
  .option('--seed <number>', 'of what is drawn', readCount, 1)
  .parse()
  .opts<{ commits: number; files: number; changed: number; seed: number }>()

function readCount(text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text)
  throw new InvalidArgumentError('write a whole number above 0')
}

const store = new CountedStore()
const log = new VersionLog(store, STREAM, { clock: systemClock })
const writer = new LogWriter(log, newWriter({ name: 'month-0', uid: 'month', node: 'bench' }, 30), {
  clock: systemClock,
})
const facts = { roots: [{ path: '/data', as: 'files' as const }], images: [], templateHash: null }
const committer = new Committer(
  store,
  writer,
  facts,
  { clock: systemClock },
  {
    standing: { open: 1, main: true, lineage: 'L0', parent: 0 },
    held: new HeldVersion(EMPTY_MANIFEST),
    chain: new DeltaChain(),
    vault: PLAIN_VAULT,
  },
)
const app = new SimulatedApp({ ...options, fileBytes: 1000 }, options.seed)
const rows: string[][] = []
let sizes: number[] = []
let spentMs = 0

for (let i = 1; i <= options.commits; i += 1) {
  const before = store.storedBytes
  const beganMs = performance.now()
  await committer.commit((held, packs) => app.take(held, packs), { reason: 'change' })
  spentMs += performance.now() - beganMs
  if (i > 1) sizes.push(store.storedBytes - before)
  const span = SPANS.find(([, commits]) => commits === i)
  if (span !== undefined || i === options.commits) await report(span?.[0] ?? `${i} commits`, i)
}
process.stdout.write(`${formatTable(HEADERS, rows, new Set(HEADERS.slice(1)))}\n`)

async function report(span: string, commits: number): Promise<void> {
  const { n } = writer.view
  const [gets, fetched] = [store.gets, store.fetchedBytes]
  const { entries } = await loadManifest(store, log, n)
  if (entries.size !== committer.held.entries.size) throw new Error('a version lacks entries')
  const found = await log.record(n)
  const depth = found?.record.kind === 'version' ? found.record.manifest.depth : 0
  const sorted = sizes.toSorted((a, b) => a - b)
  const at = (share: number) => formatBytes(sorted[Math.floor((sorted.length - 1) * share)] ?? 0)
  rows.push([
    span,
    String(commits),
    formatBytes(store.storedBytes),
    at(0.5),
    at(0.99),
    at(1),
    `${(spentMs / commits).toFixed(2)} ms`,
    formatBytes(store.fetchedBytes - fetched),
    String(store.gets - gets - 1),
    String(depth),
  ])
  process.stderr.write(`month: ${span}: ${formatBytes(store.storedBytes)} in ${store.puts} PUTs\n`)
  sizes = []
}

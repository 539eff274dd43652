/**
 * Prune ends itself with SIGKILL behind each of its named steps. Whatever the step: what is kept is whole, the next
 * runs come to the same end as one that nobody disturbed, and nothing is left over.
 */
import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { PRUNE_STEPS, type PruneStepName } from '../../cli/prune-steps.ts'
import { openStore } from '../../shared/object-store/open-store.ts'
import { parseStreamName } from '../../shared/stream-name.ts'
import { holdfastHere } from '../cli/command.ts'
import { pruneOnce } from '../support/prune-process.ts'
import { temporaryFolder } from '../support/agent-pod.ts'
import { treeOf } from '../support/repository-view.ts'
import { StreamAudit, type Content } from '../support/stream-audit.ts'

const PROGRAM = path.join(import.meta.dirname, '../support/prune-process.ts')
const STREAM = 'market/shop/0'
/** A day has passed by the time of the next run. */
const DAY_MS = 1
const RULES = 'all=0s,hourly=0,daily=0,weekly=0'
/** One to plan, one to carry out; what a crash leaves takes two more. */
const RUNS = 6

let template: string
let before: Map<number, Content>
let calm: Record<string, number>

function urlOf(folder: string): string {
  return `file://${folder}/store`
}

function auditOf(folder: string): Promise<StreamAudit> {
  return openStore(urlOf(folder)).then((store) => new StreamAudit(store, parseStreamName(STREAM)))
}

/** Versions whose packs are partly needed by later ones, a held one, a tagged one, and garbage. */
async function makeHistory(folder: string): Promise<void> {
  const volume = path.join(folder, 'volume')
  fs.mkdirSync(volume)
  const common = ['--store', urlOf(folder), '--stream', STREAM]
  const paths = ['--path', volume]
  const ship = async (...more: string[]) => {
    const shipped = await holdfastHere('replicate', ...common, ...paths, '--once', ...more)
    expect(shipped.code, shipped.stderr).toBe(0)
  }
  const write = (name: string, bytes: number) =>
    fs.writeFileSync(path.join(volume, name), randomBytes(bytes))
  for (const name of ['a', 'b', 'c', 'd']) write(name, 1_300_000)
  await ship()
  for (const name of ['b', 'c', 'd']) write(name, 1_300_000)
  await ship('--tag', 'kept')
  write('small', 100)
  await ship()
  // Another declared path: the next version tells all of its entries, and needs none of those before it.
  fs.mkdirSync(path.join(folder, 'more'))
  paths.push('--path', path.join(folder, 'more'))
  for (const name of ['b', 'c', 'd']) write(name, 1_300_000)
  await ship()
  write('small', 200)
  for (const name of ['c', 'd']) write(name, 1_300_000)
  await ship()
  for (const name of ['c', 'd']) write(name, 1_300_000)
  await ship()
  write('small', 300)
  await ship()
}

/** A process of its own. True: it came there, and killed itself. */
function crash(folder: string, step: PruneStepName, times: number): boolean {
  const args = [PROGRAM, urlOf(folder), STREAM, String(DAY_MS), RULES, step, String(times)]
  const { status, signal, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' })
  if (signal === null) expect(status, stderr).toBe(0)
  return signal === 'SIGKILL'
}

async function calmRuns(folder: string): Promise<void> {
  for (let run = 0; run < RUNS; run += 1)
    await pruneOnce(urlOf(folder), STREAM, { dayMs: DAY_MS, rules: RULES })
}

/** How many objects there are in each folder, and which versions. */
function inventory(folder: string): Record<string, number> {
  const stream = path.join(folder, 'store/v1/streams', STREAM)
  const folders = fs.readdirSync(stream).map((name) => {
    const objects = fs.readdirSync(path.join(stream, name))
    return [name, objects.length] as const
  })
  const versions = fs.readdirSync(path.join(stream, 'versions')).map((name) => [name, 1] as const)
  return Object.fromEntries([...folders.filter(([, count]) => count > 0), ...versions])
}

async function expectWhole(folder: string): Promise<number> {
  const audit = await auditOf(folder)
  const numbers = await audit.resolving()
  for (const n of numbers) expect(await audit.read(n), `v${n}`).toEqual(before.get(n))
  return numbers.length
}

beforeAll(async () => {
  template = fs.mkdtempSync(path.join(os.tmpdir(), 'holdfast-prune-'))
  await makeHistory(template)
  const audit = await auditOf(template)
  before = new Map()
  for (const n of await audit.resolving()) before.set(n, await audit.read(n))
  const undisturbed = path.join(template, 'undisturbed')
  fs.cpSync(path.join(template, 'store'), path.join(undisturbed, 'store'), { recursive: true })
  await calmRuns(undisturbed)
  calm = inventory(undisturbed)
})
afterAll(() => fs.rmSync(template, { recursive: true, force: true }))

test('undisturbed, it keeps the newest and the tagged version, and compacts what they share', async () => {
  expect(before.size).toBe(7)
  expect(await expectWhole(path.join(template, 'undisturbed'))).toBe(2)
  // One or two: it depends on where random bytes are cut which packs are less than half needed.
  expect(calm).toMatchObject({ prune: 1, tags: 1 })
  expect(calm['moved']).toBeGreaterThanOrEqual(1)
  expect(calm).not.toHaveProperty('clock')
})

const reached = new Set<PruneStepName>()

test.each(PRUNE_STEPS)('survives a crash behind "%s"', async (step) => {
  const folder = temporaryFolder()
  fs.cpSync(path.join(template, 'store'), path.join(folder, 'store'), { recursive: true })
  let run = 1
  while (!crash(folder, step, 1)) expect((run += 1)).toBeLessThan(RUNS)
  reached.add(step)
  expect(await expectWhole(folder)).toBeGreaterThanOrEqual(2)
  // And once more in the run after it, if it comes there twice.
  crash(folder, step, 2)
  expect(await expectWhole(folder)).toBeGreaterThanOrEqual(2)
  await calmRuns(folder)
  expect(await expectWhole(folder)).toBe(2)
  expect(inventory(folder)).toEqual(calm)
  // The commands see it so, too.
  const store = ['--store', urlOf(folder), '--stream', STREAM]
  const verified = await holdfastHere('verify', ...store)
  expect(verified, verified.stdout).toMatchObject({ code: 0, stderr: '' })
  const to = path.join(folder, 'restored')
  expect(await holdfastHere('restore', ...store, '--to', to)).toMatchObject({ code: 0 })
  expect(treeOf(path.join(to, template, 'volume'))).toEqual(treeOf(path.join(template, 'volume')))
})

test('no step is named that the tests above did not reach', () => {
  expect([...reached].toSorted()).toEqual([...PRUNE_STEPS].toSorted())
})

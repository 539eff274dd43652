/** `prune` and `hold` as people and scripts call them. */
import { randomBytes } from 'node:crypto'
import { mkdirSync, readFileSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { beforeEach, afterEach, expect, test } from 'vitest'
import { holdfastHere, json } from './command.ts'
import { freshFolder } from './odd-tree.ts'

const NOTHING = 'all=0s,hourly=0,daily=0,weekly=0'
const STREAM = 'test/app/0'
let folder: string
let store: string[]
let stream: string[]

/** Versions v2, v5, v8, … each by a command of its own. */
async function ship(count: number, ...more: string[]): Promise<void> {
  const source = join(folder, 'source')
  mkdirSync(source, { recursive: true })
  for (let i = 0; i < count; i += 1) {
    writeFileSync(join(source, 'file'), `content ${i} ${Math.random()}`)
    const args = [...stream, '--path', source, '--once', ...more]
    const shipped = await holdfastHere('replicate', ...args)
    expect(shipped.code, shipped.stderr).toBe(0)
  }
}

/** Everything in the repository was made so many days earlier, as the server tells it. */
function passDays(days: number): void {
  const time = new Date(Date.now() - days * 86_400_000)
  for (const entry of readdirSync(join(folder, 'store'), { recursive: true, withFileTypes: true }))
    if (entry.isFile()) utimesSync(join(entry.parentPath, entry.name), time, time)
}

beforeEach(async () => {
  folder = await freshFolder()
  store = ['--store', pathToFileURL(join(folder, 'store')).href]
  stream = [...store, '--stream', STREAM]
})
afterEach(() => {
  rmSync(folder, { recursive: true, force: true })
})

const prune = (...more: string[]) => holdfastHere('prune', STREAM, ...store, ...more)

test('a dry run tells of each version why it stays or goes', async () => {
  await ship(3)
  expect((await holdfastHere('hold', 'add', 'v2', ...stream)).code).toBe(0)
  const { code, stdout, stderr } = await prune('--dry-run', '--keep', NOTHING)
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(stdout).toMatch(/^VERSION +TIME +LINEAGE +FATE +WHY\n/)
  expect(stdout).toMatch(/^v8 .* L0 +stays +latest$/m)
  expect(stdout).toMatch(/^v5 .* L0 +is planned +no rule keeps it$/m)
  expect(stdout).toMatch(/^v2 .* L0 +stays +held$/m)
  expect(stdout).toMatch(
    /^test\/app\/0: 2 versions kept, 1 planned, .*keep all 0s, hourly 0, daily 0, weekly 0/m,
  )
})

test('without --keep, prune goes by what the newest version was shipped with, and that by the default', async () => {
  await ship(1)
  const byDefault = { allMs: 86_400_000, hourly: 48, daily: 14, weekly: 8 }
  expect(json(await prune('--output', 'json'))).toMatchObject({ streams: [{ keep: byDefault }] })
  await ship(2, '--keep', NOTHING)
  expect(json(await prune('--output', 'json'))).toMatchObject({
    streams: [{ keep: { allMs: 0, weekly: 0 }, kept: 1, planned: 2 }],
  })
  await ship(1, '--keep', 'all=2h')
  expect(json(await prune('--output', 'json'))).toMatchObject({
    streams: [{ keep: { ...byDefault, allMs: 7_200_000 }, kept: 4 }],
  })
})

test('two runs, a day apart, remove what no rule keeps; between them it is told, and not restored', async () => {
  await ship(3)
  expect((await prune('--keep', NOTHING)).code).toBe(0)
  const listed = await holdfastHere('versions', ...stream)
  expect(listed.stdout).toMatch(/^v5 .* to be pruned /m)
  expect(json(await holdfastHere('versions', ...stream, '--output', 'json'))).toMatchObject({
    versions: [
      { version: 8, pruned: null },
      { version: 5, pruned: 'planned' },
      { version: 2, pruned: 'planned' },
    ],
  })
  const to = join(folder, 'to')
  const restored = await holdfastHere('restore', ...stream, '--to', to, '--version', 'v5')
  expect(restored).toMatchObject({ code: 10, stdout: '' })
  expect(restored.stderr).toMatch(/^holdfast: v5 of test\/app\/0 is to be pruned .*\n$/)
  passDays(2)
  const second = await prune('--keep', NOTHING, '--output', 'json')
  expect(second.code).toBe(0)
  // v5 tells what differs from v2, and v8 what differs from v5.
  expect(json(second)).toMatchObject({
    streams: [{ stream: STREAM, kept: 1, planned: 0, removed: { versions: 0 }, problem: null }],
  })
  expect((await holdfastHere('versions', ...stream)).stdout).toMatch(/^v5 .* pruned /m)
  expect((await holdfastHere('restore', ...stream, '--to', to)).code).toBe(0)
})

test('a mass deletion stops until the value that it prints is given back', async () => {
  await ship(8)
  const stopped = await prune('--keep', NOTHING)
  expect(stopped.code).toBe(1)
  const [, value = ''] = /--confirm (\d+)\n$/.exec(stopped.stderr) ?? []
  expect(value).toBe('7')
  expect(readdirSync(join(folder, 'store/v1/streams', STREAM))).not.toContain('prune')
  expect((await prune('--keep', NOTHING, '--confirm', value)).code).toBe(0)
  expect((await holdfastHere('versions', ...stream)).stdout.match(/to be pruned/g)).toHaveLength(7)
})

test('holds are added, listed and removed; each answer says what is so now', async () => {
  await ship(2)
  const added = await holdfastHere('hold', 'add', 'latest', ...stream, '--note', 'the audit')
  expect(added).toEqual({ code: 0, stdout: 'v5 of test/app/0 is held\n', stderr: '' })
  const again = await holdfastHere('hold', 'add', 'v5', ...stream)
  expect(again.stdout).toBe('v5 of test/app/0 is held, as it was before\n')
  expect((await holdfastHere('hold', 'list', ...stream)).stdout).toMatch(/\nv5 .* the audit\n$/)
  expect(json(await holdfastHere('hold', 'list', ...stream, '--output', 'json'))).toMatchObject({
    stream: STREAM,
    holds: [{ version: 5, note: 'the audit' }],
  })
  expect((await holdfastHere('hold', 'remove', 'v5', ...stream)).code).toBe(0)
  const missing = await holdfastHere('hold', 'remove', 'v5', ...stream)
  expect(missing).toMatchObject({ code: 10, stdout: '' })
})

test('a hold on what is planned says that it may be too late, and saves it all the same', async () => {
  await ship(2)
  await prune('--keep', NOTHING)
  const late = await holdfastHere('hold', 'add', 'v2', ...stream)
  expect(late).toMatchObject({ code: 3 })
  expect(late.stderr).toMatch(
    /^holdfast: the hold may have come too late: v2 of test\/app\/0 .*\n$/,
  )
  passDays(2)
  await prune('--keep', NOTHING)
  expect((await holdfastHere('show', 'v2', ...stream)).code).toBe(0)
})

test('a hold on what is gone says that it came too late', async () => {
  await ship(2)
  await prune('--keep', NOTHING)
  passDays(2)
  await prune('--keep', NOTHING)
  const late = await holdfastHere('hold', 'add', 'v2', ...stream, '--output', 'json')
  expect(late).toMatchObject({ code: 1 })
  expect(json(late)).toMatchObject({ version: 2, held: false, tooLate: 'gone' })
})

test('a pack that cannot be read is left alone, and told: the rest is done', async () => {
  const source = join(folder, 'source')
  mkdirSync(source)
  const common = [...stream, '--path', source, '--once']
  const KEPT = ['b', 'c', 'd', 'e', 'f', 'g']
  for (const round of ['1', '2']) {
    for (const name of round === '1' ? ['a', ...KEPT] : KEPT)
      writeFileSync(join(source, name), randomBytes(1_200_000))
    expect((await holdfastHere('replicate', ...common)).code).toBe(0)
  }
  await prune('--keep', NOTHING)
  passDays(2)
  const packs = join(folder, 'store/v1/streams', STREAM, 'packs')
  for (const pack of readdirSync(packs)) {
    const bytes = readFileSync(join(packs, pack))
    rmSync(join(packs, pack))
    writeFileSync(join(packs, pack), bytes.fill(0, bytes.length - 50))
  }
  passDays(2)
  const { code, stdout, stderr } = await prune('--keep', NOTHING)
  expect(stdout).toMatch(/0 packs compacted/)
  expect(stderr).toMatch(/^holdfast: object .* is corrupt: .*\n$/)
  expect(code).toBe(3)
})

test('without a stream, all are pruned, and one that is damaged keeps no other from it', async () => {
  await ship(2)
  stream = [...store, '--stream', 'test/other/0']
  await ship(2)
  const log = join(folder, 'store/v1/streams/test/other/0/versions')
  const [newest = ''] = readdirSync(log).toSorted()
  writeFileSync(join(log, newest), 'no record at all')
  const { code, stdout, stderr } = await holdfastHere('prune', ...store, '--keep', NOTHING)
  expect(code).toBe(3)
  expect(stdout).toMatch(/^test\/app\/0: 1 version kept, 1 planned/)
  expect(stderr).toMatch(
    /^holdfast: test\/other\/0 is not pruned, and nothing is removed: object .*\n$/,
  )
})

test.each([
  ['a rule that reads wrong', ['prune', '--keep', 'monthly=3'], 2],
  ['a rule to ship with that reads wrong', ['replicate', '--keep', 'all=yes'], 2],
  ['a value for all streams', ['prune', '--confirm', '5'], 2],
  ['a value that is no number', ['prune', STREAM, '--confirm', 'yes'], 2],
  ['half a stream', ['prune', 'test/app'], 2],
  ['a stream that is not there', ['prune', 'test/app/7'], 10],
  ['a hold on nothing', ['hold', 'add', 'v99', '--stream', STREAM], 10],
  ['a hold on a record that is no version', ['hold', 'add', 'v1', '--stream', STREAM], 10],
  ['the removal of a hold by its tag', ['hold', 'remove', 'tag', '--stream', STREAM], 2],
])('%s: one sentence, and the exit code', async (_name, args, expected) => {
  await ship(1)
  const { code, stdout, stderr } = await holdfastHere(...args, ...store)
  expect({ code, stdout }).toEqual({ code: expected, stdout: '' })
  expect(stderr.trim().split('\n')).toHaveLength(1)
})

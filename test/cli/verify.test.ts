import { randomBytes } from 'node:crypto'
import { cpSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { holdfastHere, json } from './command.ts'
import { freshFolder } from './odd-tree.ts'

const STREAM = 'v1/streams/test/app/0'
let folder: string
let source: string
let whole: string
let broken: string
let repository: string[]
/** Versions, oldest first. */
let numbers: number[]

/** First: a, b, c of 2 MiB each, in a pack, and small. Second: d, which travels inline. Third: small changed, inline. */
beforeAll(async () => {
  folder = await freshFolder()
  source = join(folder, 'source')
  whole = join(folder, 'whole')
  broken = join(folder, 'broken')
  mkdirSync(source)
  for (const name of ['a', 'b', 'c'])
    writeFileSync(join(source, name), randomBytes(2 * 1024 * 1024))
  writeFileSync(join(source, 'small'), 'small')
  await replicate()
  writeFileSync(join(source, 'd'), randomBytes(200 * 1024))
  await replicate()
  writeFileSync(join(source, 'small'), 'smaller')
  await replicate()
  repository = ['--store', pathToFileURL(broken).href, '--stream', 'test/app/0']
  cpSync(whole, broken, { recursive: true })
  const listed = json(await holdfastHere('versions', ...repository, '--output', 'json')) as {
    versions: { version: number }[]
  }
  numbers = listed.versions.map(({ version }) => version).toReversed()
  expect(numbers).toHaveLength(3)
})
beforeEach(() => {
  rmSync(broken, { recursive: true, force: true })
  cpSync(whole, broken, { recursive: true })
})
afterAll(() => rm(folder, { recursive: true, force: true }))

async function replicate(): Promise<void> {
  const store = ['--store', pathToFileURL(whole).href, '--stream', 'test/app/0']
  expect(await holdfastHere('replicate', ...store, '--path', source, '--once')).toMatchObject({
    code: 0,
  })
}

function objectsOf(part: string): string[] {
  const at = join(broken, STREAM, part)
  return readdirSync(at, { recursive: true, withFileTypes: true })
    .filter((each) => each.isFile())
    .map(({ parentPath, name }) => join(parentPath, name))
    .toSorted()
}

const pack = () => objectsOf('packs')[0] ?? ''
const versionObject = (n: number | undefined) =>
  objectsOf('versions').find((path) => path.endsWith(`-v${n}`)) ?? ''

function change(path: string, at: number): void {
  const bytes = readFileSync(path)
  bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at)
  writeFileSync(path, bytes)
}

interface VerifyAnswer {
  sound: boolean
  streams: {
    recorded: string | null
    checkedChunks: number
    chunks: number
    readBytes: number
    damaged: { from: number; to: number; files: number; problem: string | null; lost: Lost[] }[]
    noticed: string[]
    seed: number | null
  }[]
}
interface Lost {
  path: string
  why: string
}

async function verify(...args: string[]) {
  const result = await holdfastHere('verify', ...repository, '--output', 'json', ...args)
  const answer = json(result) as VerifyAnswer
  const [stream] = answer.streams
  if (stream === undefined) throw new Error('no stream was verified')
  return { ...result, ...stream, sound: answer.sound }
}

/** Names of the files that are lost in the newest version. */
function lostInNewest(damaged: VerifyAnswer['streams'][number]['damaged']): string[] {
  const newest = numbers.at(-1) ?? 0
  return damaged
    .filter(({ from, to }) => from <= newest && newest <= to)
    .flatMap(({ lost }) => lost.map(({ path }) => path.slice(source.length + 1)))
    .toSorted()
}

/** Restores the newest version; the files that came back, and what the command said. */
async function restore(): Promise<{ code: number | null; stdout: string; files: string[] }> {
  const to = join(folder, 'restored')
  rmSync(to, { recursive: true, force: true })
  const { code, stdout } = await holdfastHere('restore', ...repository, '--to', to)
  const files = readdirSync(to).toSorted()
  for (const name of files)
    expect(readFileSync(join(to, name)).equals(readFileSync(join(source, name)))).toBe(true)
  return { code, stdout, files }
}

interface ShownVerdict {
  percent: number
  everyByteTime: string | null
  damage: { files: number; problem: string | null; lost?: Lost[] } | null
}

async function shown(n = numbers.at(-1)): Promise<ShownVerdict | null> {
  const result = await holdfastHere('show', `v${n}`, ...repository, '--output', 'json')
  return (json(result) as { verified: ShownVerdict | null }).verified
}

describe('a sound stream', () => {
  it('is verified, and every version says so', async () => {
    expect(await shown()).toBeNull()
    const { code, sound, damaged, recorded } = await verify('--all')
    expect({ code, sound, damaged }).toEqual({ code: 0, sound: true, damaged: [] })
    expect(recorded).toMatch(/\/verdicts\/999999999999-v\d+-v\d+-all-sound$/)
    expect(objectsOf('verdicts')).toHaveLength(1)
    for (const n of numbers) expect(await shown(n)).toMatchObject({ percent: 100, damage: null })
    const { stdout } = await holdfastHere('versions', ...repository)
    expect(stdout).toMatch(/complete +\d{4}-\d\d-\d\d +/)
  })

  it('is read whole without --all, too', async () => {
    const all = await verify('--all')
    const { checkedChunks, chunks, readBytes } = await verify()
    expect(checkedChunks).toBe(chunks)
    expect(readBytes).toBe(all.readBytes)
  })

  it('one version alone is verified by itself', async () => {
    await verify('--version', `v${numbers[1]}`)
    expect(await shown(numbers[0])).toBeNull()
    expect(await shown(numbers[1])).toMatchObject({ percent: 100 })
    expect(await shown(numbers[2])).toBeNull()
  })

  it('is sampled: a share is read, the same one for the same seed', async () => {
    const first = await verify('--sample', '20%')
    expect(first.checkedChunks).toBeLessThan(first.chunks)
    expect(first.readBytes).toBeLessThan((await verify('--all')).readBytes)
    const again = await verify('--sample', '20%', '--seed', String(first.seed))
    expect(again.readBytes).toBe(first.readBytes)
    const text = await holdfastHere('verify', ...repository, '--sample', '0.5%')
    expect(text.stdout).toMatch(/\d of \d+ chunks \(--sample 0\.5% --seed \d+\)/)
  })

  it('says of a sample how small it was, and when every byte was read', async () => {
    await verify('--sample', '5%')
    expect(await shown()).toMatchObject({ percent: 5, everyByteTime: null })
    await verify('--all')
    await verify('--sample', '5%')
    expect(await shown()).toMatchObject({ percent: 5, everyByteTime: expect.any(String) as string })
    const { stdout } = await holdfastHere('versions', ...repository)
    expect(stdout).toMatch(/complete +\d{4}-\d\d-\d\d 5% +/)
    expect((await holdfastHere('show', 'latest', ...repository)).stdout).toMatch(
      /verified +a sample of 5%, .*; every byte 20/,
    )
  })
})

describe('damage', () => {
  it('of one frame costs the file in it, in every version that has it', async () => {
    change(pack(), 1000)
    const { code, damaged, noticed } = await verify()
    expect(code).toBe(3)
    expect(damaged).toMatchObject([{ from: numbers[0], to: numbers[2], problem: null, files: 1 }])
    const [lost = ''] = lostInNewest(damaged)
    expect(['a', 'b', 'c']).toContain(lost)
    expect(noticed).toHaveLength(1)
    const restored = await restore()
    expect(restored.code).toBe(3)
    expect(restored.stdout).toContain(`${source}/${lost}: object`)
    expect(restored.files).toEqual(['a', 'b', 'c', 'd', 'small'].filter((name) => name !== lost))
  })

  it('of inline bytes costs their file, and no older version', async () => {
    change(versionObject(numbers[1]), 1000)
    const { code, damaged } = await verify()
    expect(code).toBe(3)
    expect(damaged).toMatchObject([{ from: numbers[1], to: numbers[2], files: 1 }])
    expect(lostInNewest(damaged)).toEqual(['d'])
    const restored = await restore()
    expect(restored.code).toBe(3)
    expect(restored.files).toEqual(['a', 'b', 'c', 'small'])
  })

  it.each([
    ['gone', (path: string) => rmSync(path)],
    ['foreign', (path: string) => writeFileSync(path, randomBytes(100_000))],
    ['empty', (path: string) => writeFileSync(path, '')],
    ['cut in half', (path: string) => writeFileSync(path, halfOf(readFileSync(path)))],
  ])(
    'of a pack that is %s: what verify says is lost is what a restore cannot bring',
    async (_how, spoil) => {
      spoil(pack())
      const { code, damaged } = await verify()
      expect(code).toBe(3)
      const lost = lostInNewest(damaged)
      expect(lost.length).toBeGreaterThan(0)
      const restored = await restore()
      expect(restored.code).toBe(3)
      expect(restored.files).toEqual(['a', 'b', 'c', 'd', 'small'].filter((n) => !lost.includes(n)))
    },
  )

  it('of a pack that has gone, or is cut off, is found by any sample', async () => {
    writeFileSync(pack(), halfOf(readFileSync(pack())))
    expect((await verify('--sample', '0.01%')).code).toBe(3)
    rmSync(pack())
    const { code, damaged } = await verify('--sample', '0.01%')
    expect(code).toBe(3)
    expect(lostInNewest(damaged)).toEqual(expect.arrayContaining(['a', 'b', 'c']))
  })

  it('is told by versions and show, and not hidden by a sample that finds none', async () => {
    const good = readFileSync(versionObject(numbers[1]))
    change(versionObject(numbers[1]), 1000)
    await verify()
    writeFileSync(versionObject(numbers[1]), good)
    await verify('--sample', '1%')
    const { stdout } = await holdfastHere('versions', ...repository)
    expect(stdout.match(/damaged: 1 file/g)).toHaveLength(2)
    expect((await shown())?.damage?.lost).toMatchObject([{ path: `${source}/d` }])
    const text = await holdfastHere('show', 'latest', ...repository)
    expect(text.stdout).toMatch(/verified +damaged: 1 file [^]*damaged, as found [^]*\/d: object/)
    await verify('--all')
    expect((await shown())?.damage).toBeNull()
  })

  it('found again makes no second notice', async () => {
    change(pack(), 1000)
    await verify()
    await verify()
    expect(objectsOf('damaged')).toHaveLength(1)
    expect(objectsOf('verdicts')).toHaveLength(2)
  })
})

function halfOf(bytes: Buffer): Buffer {
  return bytes.subarray(0, bytes.length / 2)
}

it('damage, a stream that is not there, and a store that is away are three exit codes', async () => {
  change(pack(), 1000)
  expect((await verify()).code).toBe(3)
  const stranger = ['--store', repository[1] ?? '', '--stream', 'test/app/7']
  expect((await holdfastHere('verify', ...stranger)).code).toBe(10)
  vi.stubEnv('AWS_ENDPOINT_URL_S3', 'http://127.0.0.1:9')
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'key')
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'secret')
  const away = ['--store', 's3://bucket/x', '--stream', 'test/app/0', '--timeout', '300ms']
  const { code, stderr } = await holdfastHere('verify', ...away)
  vi.unstubAllEnvs()
  expect(code).toBe(1)
  expect(stderr).not.toMatch(/corrupt|damaged/i)
})

it.each([
  ['both', ['--all', '--sample', '5%']],
  ['a seed alone', ['--seed', '5']],
  ['no percent', ['--sample', '5']],
  ['nothing at all', ['--sample', '0%']],
  ['more than there is', ['--sample', '101%']],
  ['no seed', ['--sample', '5%', '--seed', 'x']],
])('%s: exit code 2', async (_name, args) => {
  const { code, stdout } = await holdfastHere('verify', ...repository, ...args)
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
})

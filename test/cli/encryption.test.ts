/** Encrypted streams through the commands: what is in the bucket tells nothing, and each fault has a sentence of its own. */
import { randomBytes } from 'node:crypto'
import fs from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { resolvePin } from '../../shared/repository/resolve-pin.ts'
import { VersionLog } from '../../shared/repository/version-log.ts'
import { loadManifest, requireVersion } from '../../shared/repository/version-object.ts'
import { openStore } from '../../shared/object-store/open-store.ts'
import { compactPack } from '../../cli/prune-compact.ts'
import { readKeyEncryptionKey } from '../../shared/encryption/key-encryption-key.ts'
import { openKeyring } from '../../shared/encryption/keyring.ts'
import { StreamVaults } from '../../shared/encryption/stream-vaults.ts'
import { decodeHeader, encodeTail } from '../../shared/repository/object-file.ts'
import { framesOf } from '../../shared/retention/live-frames.ts'
import { systemClock } from '../../shared/clock.ts'
import { walkTree } from '../agent/capture/tree-walk.ts'
import { holdfastHere, json } from './command.ts'

const STREAM = { namespace: 'shop', app: 'shop', slot: '0' }
const SECRETS = [
  'invoice-for-mallory',
  'four pears and a fig',
  'ledger-directory',
  'link-to-nowhere',
]

let base: string
let source: string
let store: string
let at: string[]

beforeEach(() => {
  base = fs.mkdtempSync(path.join(tmpdir(), 'encrypted-'))
  source = path.join(base, 'ledger-directory')
  store = pathToFileURL(path.join(base, 'store')).href
  at = ['--store', store, '--stream', 'shop/shop/0']
  fs.mkdirSync(path.join(source, 'empty'), { recursive: true })
  write('invoice-for-mallory.txt', 'four pears and a fig')
  write('large', randomBytes(3_000_000).toString('hex'))
  fs.symlinkSync('link-to-nowhere', path.join(source, 'link'))
})
afterEach(() => {
  delete process.env['HOLDFAST_KEY']
  fs.rmSync(base, { recursive: true })
})

function write(name: string, text: string): void {
  fs.writeFileSync(path.join(source, name), text)
}

/** A new key in the environment. */
function newKey(): string {
  const key = randomBytes(32).toString('base64')
  process.env['HOLDFAST_KEY'] = key
  return key
}

/** Runs a command that must succeed. */
async function done(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await holdfastHere(...args)
  expect(stderr).not.toMatch(/^holdfast:/m)
  expect([code, stderr]).toEqual([0, expect.anything()])
  return stdout
}

const initKey = () => done('key', 'init', '--store', store, '--namespace', 'shop')
const replicate = () => done('replicate', ...at, '--path', source, '--once')

async function expectRestored(version: string): Promise<void> {
  const to = path.join(base, `restored-${version}`)
  await done('restore', ...at, '--version', version, '--to', to)
  expect(walkTree(to)).toEqual(walkTree(source))
}

/** Every object, by its path below the store. */
function objects(): Map<string, Buffer> {
  const folder = path.join(base, 'store')
  const names = fs.readdirSync(folder, { recursive: true, withFileTypes: true })
  return new Map(
    names
      .filter((entry) => entry.isFile())
      .map((entry) => path.join(entry.parentPath, entry.name))
      .map((file) => [path.relative(folder, file), fs.readFileSync(file)]),
  )
}

describe('an encrypted stream', () => {
  it('is restored as it was, and tells nothing to whoever reads the bucket', async () => {
    newKey()
    await initKey()
    await replicate()
    await expectRestored('latest')
    write('another', 'four pears and a fig, once more')
    expect(await replicate()).toContain('2 changed')
    await expectRestored('latest')
    await done('verify', ...at, '--all')
    for (const [name, body] of objects())
      for (const secret of [...SECRETS, 'another'])
        expect(body.includes(secret), `${secret} in ${name}`).toBe(false)
  })

  it('needs the key for what is sealed, and for nothing else', async () => {
    newKey()
    await initKey()
    await replicate()
    const log = new VersionLog(await openStore(store), STREAM, { clock: systemClock })
    const n = await resolvePin(await openStore(store), log, { kind: 'latest' })
    expect((await requireVersion(log, n)).counts.files).toBe(2)
    delete process.env['HOLDFAST_KEY']
    expect(await done('versions', ...at)).toContain(`v${n}`)
    await done('hold', 'add', `v${n}`, ...at)
    for (const command of [
      ['show', 'latest', ...at],
      ['restore', ...at, '--version', 'latest', '--to', path.join(base, 'to')],
      ['diff', `v${n}`, 'latest', ...at],
      ['replicate', ...at, '--path', source, '--once'],
      ['verify', ...at],
      ['prune', 'shop/shop/0', '--store', store],
    ]) {
      const { code, stderr } = await holdfastHere(...command)
      expect([command[0], code, stderr]).toEqual([
        command[0],
        12,
        expect.stringContaining('is encrypted, and no key is given: set HOLDFAST_KEY'),
      ])
    }
  })
})

it('a history that began in clear goes on sealed, in full, and all of it stays readable', async () => {
  await replicate()
  write('large', randomBytes(100_000).toString('hex'))
  await replicate()
  newKey()
  await initKey()
  const before = new Set(objects().keys())
  const plain = walkTree(source)
  expect(await replicate()).toContain('complete')
  for (const [name, body] of objects())
    if (!before.has(name))
      for (const secret of SECRETS)
        expect(body.includes(secret), `${secret} in ${name}`).toBe(false)
  const shown = json(await holdfastHere('show', 'latest', ...at, '--output', 'json'))
  expect(shown).toMatchObject({ manifest: { base: 0 } })
  expect(await replicate()).toContain('unchanged')
  const to = path.join(base, 'to')
  await done('restore', ...at, '--version', 'v5', '--to', to)
  expect(walkTree(to)).toEqual(plain)
  await expectRestored('latest')
  await done('verify', ...at, '--all')
  await done('prune', 'shop/shop/0', '--store', store)
})

/** The file of the one object below this folder of the stream. */
function onlyObject(folder: string): string {
  const below = path.join(base, 'store/v1/streams/shop/shop/0', folder)
  const [name, ...others] = fs.readdirSync(below)
  expect(others).toEqual([])
  return path.join(below, name ?? '')
}

function damage(file: string, offset: number): void {
  const body = fs.readFileSync(file)
  body[offset] = (body[offset] ?? 0) ^ 1
  fs.chmodSync(file, 0o644)
  fs.writeFileSync(file, body)
}

const restoreTo = (to: string) => [
  'restore',
  ...at,
  '--version',
  'latest',
  '--to',
  path.join(base, to),
]

describe('what may go wrong', () => {
  beforeEach(async () => {
    newKey()
    await initKey()
    await replicate()
  })

  it('has a sentence and an exit code each: another key, none, a silent store, a damaged object', async () => {
    const key = process.env['HOLDFAST_KEY'] ?? ''
    newKey()
    expect(await holdfastHere(...restoreTo('a'))).toMatchObject({
      code: 12,
      stderr: expect.stringMatching(
        /^holdfast: the key in HOLDFAST_KEY is not the one of namespace shop/,
      ) as string,
    })
    delete process.env['HOLDFAST_KEY']
    expect(await holdfastHere(...restoreTo('b'))).toMatchObject({
      code: 12,
      stderr: expect.stringContaining('is encrypted, and no key is given') as string,
    })
    process.env['HOLDFAST_KEY'] = key
    const silent = {
      AWS_ENDPOINT_URL_S3: 'http://127.0.0.1:9',
      AWS_REGION: 'a',
      AWS_ACCESS_KEY_ID: 'a',
      AWS_SECRET_ACCESS_KEY: 'a',
    }
    Object.assign(process.env, silent)
    const unreachable = restoreTo('c').with(2, 's3://bucket/prefix')
    const { code, stderr } = await holdfastHere(...unreachable, '--timeout', '1s')
    for (const name of Object.keys(silent)) delete process.env[name]
    expect([code, stderr]).toEqual([1, expect.stringMatching(/127\.0\.0\.1:9/)])
    expect(stderr).not.toMatch(/key/i)
    damage(onlyObject('packs'), 1000)
    expect(await holdfastHere(...restoreTo('d'))).toMatchObject({
      code: 3,
      stdout: expect.stringMatching(/is corrupt: a sealed frame is not as it was/) as string,
    })
    expect(await holdfastHere('verify', ...at, '--all')).toMatchObject({ code: 3 })
    const shown = await done('show', 'latest', ...at)
    expect(shown).toContain('/ledger-directory/large')
    for (const [name, body] of objects())
      for (const secret of SECRETS)
        expect(body.includes(secret), `${secret} in ${name}`).toBe(false)
  })

  it('is a header that was changed: nothing in it is taken for true', async () => {
    const versions = path.join(base, 'store/v1/streams/shop/shop/0/versions')
    const [newest = ''] = fs.readdirSync(versions).filter((name) => name.endsWith('-v2'))
    const file = path.join(versions, newest)
    const body = fs.readFileSync(file)
    const header = decodeHeader(file, body) as { counts: { files: number } }
    header.counts.files += 1
    const end = body.lastIndexOf('\n{') // where the header's line begins
    fs.chmodSync(file, 0o644)
    fs.writeFileSync(file, Buffer.concat([body.subarray(0, end), encodeTail(header)]))
    expect(await holdfastHere(...restoreTo('a'))).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(
        /is corrupt: its header, or what is sealed in it, is not as it was/,
      ) as string,
    })
  })
})

it('a sealed pack is compacted frame by frame as it is stored, and what is left of it restores and verifies', async () => {
  newKey()
  await initKey()
  write('kept', randomBytes(2_500_000).toString('hex'))
  await replicate()
  fs.rmSync(path.join(source, 'large'))
  await replicate()
  const pack = onlyObject('packs')
  const stored = await openStore(store)
  const key = readKeyEncryptionKey(process.env, 'HOLDFAST_KEY')
  const vaults = new StreamVaults(STREAM, () => openKeyring(stored, 'shop', key))
  const patience = { clock: systemClock }
  const log = new VersionLog(stored, STREAM, patience, vaults)
  const latest = await resolvePin(stored, log, { kind: 'latest' })
  const { entries } = await loadManifest(stored, log, latest)
  const frames = new Map<number, number>()
  for (const entry of entries.values())
    for (const { pack: name, offset, storedBytes } of framesOf(entry))
      if (name === path.basename(pack)) frames.set(offset, storedBytes)
  const bytes = await compactPack(
    { store: stored, log, patience },
    path.basename(pack),
    frames,
    () => undefined,
  )
  expect(bytes).toBeLessThan(fs.existsSync(pack) ? 0 : 4_000_000)
  await expectRestored('latest')
  await done('verify', ...at, '--version', 'latest')
  for (const [name, body] of objects())
    for (const secret of SECRETS) expect(body.includes(secret), `${secret} in ${name}`).toBe(false)
})

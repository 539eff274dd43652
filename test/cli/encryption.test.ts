/** Encrypted streams through the commands: what is in the bucket tells nothing, and each fault has a sentence of its own. */
import { randomBytes } from 'node:crypto'
import fs from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { resolvePin } from '../../shared/repository/resolve-pin.ts'
import { VersionLog } from '../../shared/repository/version-log.ts'
import { requireVersion } from '../../shared/repository/version-object.ts'
import { openStore } from '../../shared/object-store/open-store.ts'
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

import { randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest'
import { freshS3Url } from '../support/s3-url.ts'
import { holdfast, holdfastHere, json } from './command.ts'

const folder = mkdtempSync(join(tmpdir(), 'key-commands-'))
const [first, second, third] = [1, 2, 3].map(() => randomBytes(32).toString('base64'))
const VARIABLES = ['HOLDFAST_KEY', 'HOLDFAST_NEW_KEY', 'HOLDFAST_KEY_FILE', 'HOLDFAST_NEW_KEY_FILE']
let repositories = 0

function giveKeys(key: string | undefined, newKey?: string): void {
  for (const name of VARIABLES) delete process.env[name]
  if (key !== undefined) process.env['HOLDFAST_KEY'] = key
  if (newKey !== undefined) process.env['HOLDFAST_NEW_KEY'] = newKey
}

function freshFileUrl(): string {
  return pathToFileURL(join(folder, `repository-${repositories++}`)).href
}

beforeEach(() => {
  giveKeys(undefined)
})
afterEach(() => {
  giveKeys(undefined)
})
afterAll(() => {
  rmSync(folder, { recursive: true })
})

describe.each([
  ['a directory', freshFileUrl],
  ['S3', freshS3Url],
])('in %s', (_kind, freshUrl) => {
  test('a key is made, checked, rotated and its old wrap removed, by the command as it is run', async () => {
    const at = ['--store', freshUrl(), '--namespace', 'shop']
    giveKeys(first)
    const init = await holdfast('key', 'init', ...at, '--output', 'json')
    expect(init).toMatchObject({ code: 0 })
    const { key } = json(init) as { key: string }
    expect(key).toMatch(/^[0-9a-f]{16}$/)
    expect(init.stderr).toContain('keep a copy')

    giveKeys(first, second)
    const rotated = await holdfast('key', 'rotate', ...at)
    expect(rotated).toMatchObject({ code: 0 })
    expect(rotated.stderr).toContain('both keys open it now')
    for (const either of [first, second]) {
      giveKeys(either)
      const checked = await holdfastHere('key', 'check', ...at)
      expect(checked).toMatchObject({ code: 0, stderr: '' })
      expect(checked.stdout).toContain(key)
    }

    const removed = await holdfast('key', 'rotate', ...at, '--remove-old', '--output', 'json')
    expect(json(removed)).toEqual({ namespace: 'shop', key, wrap: null, removed: [1] })
    expect(removed.stderr).toContain('refused at the next start')
    expect(json(await holdfastHere('key', 'check', ...at, '--output', 'json'))).toMatchObject({
      key,
      wraps: [{ wrap: 2, opensWith: 'this key' }],
    })
    giveKeys(first)
    const old = await holdfast('key', 'check', ...at)
    expect(old).toMatchObject({ code: 12, stdout: '' })
    expect(old.stderr).toContain('is not the one of namespace shop')
  })

  test('wrong key, no key, nothing there: each its own code and sentence', async () => {
    const store = freshUrl()
    const at = ['--store', store, '--namespace', 'shop']
    const none = await holdfastHere('key', 'check', ...at)
    expect(none).toMatchObject({ code: 10 })
    expect(none.stderr).toContain('has no key')
    giveKeys(first)
    expect((await holdfastHere('key', 'check', ...at)).code).toBe(10)
    expect((await holdfastHere('key', 'init', ...at)).code).toBe(0)

    giveKeys(second)
    const wrong = await holdfastHere('key', 'check', ...at)
    expect(wrong).toMatchObject({ code: 12 })
    expect(wrong.stderr).toMatch(/^holdfast: the key in HOLDFAST_KEY is not the one of/)
    giveKeys(undefined)
    const missing = await holdfastHere('key', 'check', ...at)
    expect(missing).toMatchObject({ code: 12 })
    expect(missing.stderr).toContain('no key is given')
    expect(
      (await holdfastHere('key', 'check', '--store', store, '--namespace', 'other')).code,
    ).toBe(10)
  })
})

describe('in a directory', () => {
  let root: string
  let at: string[]
  beforeEach(async () => {
    root = join(folder, `repository-${repositories++}`)
    at = ['--store', pathToFileURL(root).href, '--namespace', 'shop']
    giveKeys(first)
    expect((await holdfastHere('key', 'init', ...at)).code).toBe(0)
  })
  const wraps = () => readdirSync(join(root, 'v1/keys/shop'))

  test('a key is made once', async () => {
    giveKeys(second)
    const again = await holdfastHere('key', 'init', ...at)
    expect(again).toMatchObject({ code: 1, stdout: '' })
    expect(again.stderr).toContain('has a key already')
    expect(wraps()).toEqual(['999999999999-w1'])
  })

  test('of ten who make one at once, one does', async () => {
    const store = freshFileUrl()
    const keys = Array.from({ length: 10 }, () => randomBytes(32).toString('hex'))
    const runs = await Promise.all(
      keys.map((key) => {
        giveKeys(key)
        return holdfastHere('key', 'init', '--store', store, '--namespace', 'shop')
      }),
    )
    expect(runs.filter(({ code }) => code === 0)).toHaveLength(1)
    expect(runs.filter(({ code }) => code === 1)).toHaveLength(9)
    giveKeys(keys[runs.findIndex(({ code }) => code === 0)])
    expect((await holdfastHere('key', 'check', '--store', store, '--namespace', 'shop')).code).toBe(
      0,
    )
  })

  test('a damaged wrap is corrupt, whatever key is given, and an unreachable store neither', async () => {
    const file = join(root, 'v1/keys/shop/999999999999-w1')
    const body = readFileSync(file)
    body[body.indexOf('wrapped') + 20] = 0x21
    rmSync(file)
    writeFileSync(file, body)
    for (const key of [first, second]) {
      giveKeys(key)
      const { code, stderr } = await holdfastHere('key', 'check', ...at)
      expect({ code, stderr }).toMatchObject({ code: 1 })
      expect(stderr).toContain('999999999999-w1 is corrupt')
    }
    process.env['AWS_ENDPOINT_URL_S3'] = 'http://127.0.0.1:9'
    const away = ['--store', 's3://bucket/x', '--namespace', 'shop', '--timeout', '300ms']
    const { code, stderr } = await holdfastHere('key', 'check', ...away)
    expect(code).toBe(1)
    expect(stderr).not.toMatch(/corrupt|is not the one of/)
  })

  test('a rotation needs the old key and another new one, and leaves all bytes of data as they were', async () => {
    const source = join(folder, 'source')
    mkdirSync(source, { recursive: true })
    writeFileSync(join(source, 'a'), 'a')
    const store = freshFileUrl()
    giveKeys(undefined)
    const stream = ['--store', store, '--stream', 'shop/shop/0']
    expect((await holdfastHere('replicate', ...stream, '--path', source, '--once')).code).toBe(0)
    const keyed = ['--store', store, '--namespace', 'shop']
    const data = () => filesBelow(join(new URL(store).pathname, 'v1/streams'))
    const before = data()
    giveKeys(first)
    const init = await holdfastHere('key', 'init', ...keyed)
    expect(init.stderr).toContain('what was written before stays in clear')
    for (const [old, next, code] of [
      [first, undefined, 2],
      [first, first, 2],
      [first, 'no key', 2],
      [undefined, second, 12],
      [third, second, 12],
      [first, second, 0],
    ] as const) {
      giveKeys(old, next)
      expect((await holdfastHere('key', 'rotate', ...keyed)).code, `${old} ${next}`).toBe(code)
    }
    giveKeys(first, third)
    expect((await holdfastHere('key', 'rotate', ...keyed, '--remove-old')).code).toBe(0)
    expect(data()).toEqual(before)
    giveKeys(third)
    const check = await holdfastHere('key', 'check', ...keyed)
    expect(check).toMatchObject({ code: 0 })
    expect(check.stdout).toMatch(/shop\/shop\/0 +v2 +\(in clear\)/)
  })

  test('removing what other keys open never removes the last wrap, nor one that nobody can read', async () => {
    giveKeys(second)
    expect((await holdfastHere('key', 'rotate', ...at, '--remove-old')).code).toBe(12)
    giveKeys(first, second)
    expect((await holdfastHere('key', 'rotate', ...at)).code).toBe(0)
    rmSync(join(root, 'v1/keys/shop/999999999999-w1'))
    writeFileSync(join(root, 'v1/keys/shop/999999999999-w1'), 'rubbish')
    giveKeys(second)
    expect((await holdfastHere('key', 'rotate', ...at, '--remove-old')).stdout).toContain(
      'no other key opens it',
    )
    expect(wraps()).toEqual(['999999999998-w2', '999999999999-w1'])
    expect((await holdfastHere('key', 'check', ...at)).stdout).toContain('damaged')
  })

  test('verify takes wrapped keys for no strays', async () => {
    const { stderr } = await holdfastHere('verify', '--store', at[1] ?? '')
    expect(stderr).not.toContain('belongs to no stream')
    expect(stderr).not.toContain('object(s)')
  })

  test('no output shows a key', async () => {
    giveKeys(first, second)
    const runs = [
      await holdfastHere('key', 'rotate', ...at),
      await holdfastHere('key', 'check', ...at, '--output', 'json'),
      await holdfastHere('key', 'rotate', ...at, '--remove-old'),
    ]
    for (const { stdout, stderr } of runs)
      for (const key of [first, second]) expect(stdout + stderr).not.toContain(key)
  })
})

function filesBelow(root: string): Record<string, string> {
  const files = readdirSync(root, { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  )
  return Object.fromEntries(
    files.map(({ parentPath, name }) => {
      const path = join(parentPath, name)
      return [path, readFileSync(path, 'base64')]
    }),
  )
}

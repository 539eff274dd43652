import { chmodSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { holdfast, holdfastHere, json } from './command.ts'
import { freshFolder } from './odd-tree.ts'

let folder: string
let source: string
let store: string
let repository: string[]

/** v2: a, b, d; v5 (tagged): a changed, b another mode, c new, d gone. */
beforeAll(async () => {
  folder = await freshFolder()
  source = join(folder, 'source')
  mkdirSync(source)
  for (const name of ['a', 'b', 'd']) writeFileSync(join(source, name), name)
  store = pathToFileURL(join(folder, 'repository')).href
  repository = ['--store', store, '--stream', 'test/app/0']
  const once = [
    'replicate',
    ...repository,
    '--path',
    source,
    '--once',
    '--image',
    'app=reg/app:1.4',
  ]
  expect((await holdfastHere(...once)).code).toBe(0)
  writeFileSync(join(source, 'a'), 'a, and more')
  chmodSync(join(source, 'b'), 0o600)
  writeFileSync(join(source, 'c'), 'c')
  rmSync(join(source, 'd'))
  expect((await holdfastHere(...once, '--tag', 'second')).code).toBe(0)
})
afterAll(() => rm(folder, { recursive: true, force: true }))

describe('versions', () => {
  test('lists one stream, newest first', async () => {
    const { code, stdout, stderr } = await holdfastHere('versions', ...repository)
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    const [header, ...rows] = stdout.trim().split('\n')
    expect(header?.split(/ +/)).toEqual([
      'VERSION',
      'TIME',
      'LINE',
      'REASON',
      'TAG',
      'STATE',
      'VERIFIED',
      'FILES',
      'SIZE',
      'ADDED',
      'IMAGES',
    ])
    expect(rows.map((row) => row.split(/ +/)[0])).toEqual(['v5', 'v2'])
    expect(rows[0]).toMatch(/main +backup +second +complete +3 +13 B .* app=reg\/app:1\.4$/)
  })

  test('keeps to its limit, and says that there is more', async () => {
    const limited = await holdfastHere('versions', ...repository, '--limit', '1')
    expect(limited.stdout.trim().split('\n')).toHaveLength(2)
    expect(limited.stderr).toContain('older ones are not shown')
  })

  test('lists all streams', async () => {
    const all = await holdfastHere('versions', '--store', store)
    expect(all.stdout).toMatch(
      /^STREAM +LATEST +TIME +STATE +SIZE +WRITER\ntest\/app\/0 +v5 .* complete +13 B +closed\n$/,
    )
    expect(
      json(await holdfastHere('versions', '--store', store, '--output', 'json')),
    ).toMatchObject({
      streams: [
        { stream: 'test/app/0', latest: 5, state: 'complete', bytes: 13, writer: 'closed' },
      ],
    })
  })

  test('prints times that name the same version when they are given back', async () => {
    const { stdout } = await holdfastHere('versions', ...repository)
    const [, newest] = stdout.split('\n')
    const time = newest?.split(/ +/)[1] ?? ''
    expect(json(await holdfastHere('show', time, ...repository, '--output', 'json'))).toMatchObject(
      { version: 5 },
    )
  })
})

describe('show', () => {
  test('tells a version by its number, tag, or as latest', async () => {
    for (const pin of ['v5', 'second', 'latest']) {
      const { code, stdout } = await holdfastHere('show', pin, ...repository, '--files')
      expect(code).toBe(0)
      expect(stdout).toContain(`v5 of test/app/0`)
      expect(stdout).toMatch(/parent +v2\n/)
      expect(stdout).toMatch(/images +app=reg\/app:1\.4\n/)
      expect(stdout).toContain(`${source}/c`)
    }
  })

  test('lists entries as JSON', async () => {
    const shown = json(
      await holdfastHere('show', 'v2', ...repository, '--files', '--output', 'json'),
    ) as {
      entries: { path: string; type: string; bytes?: number }[]
    }
    expect(shown.entries.map(({ path, type }) => [path, type])).toEqual([
      [source, 'directory'],
      [`${source}/a`, 'file'],
      [`${source}/b`, 'file'],
      [`${source}/d`, 'file'],
    ])
  })
})

describe('diff', () => {
  test('tells added, removed, changed and chmodded apart', async () => {
    const { code, stdout } = await holdfastHere('diff', 'v2', 'second', ...repository)
    expect(code).toBe(0)
    expect(stdout.split('\n').slice(0, -2)).toEqual([
      `m ${source}`,
      `M ${source}/a (1 B -> 11 B)`,
      `m ${source}/b (1 B)`,
      `+ ${source}/c (1 B)`,
      `- ${source}/d (1 B)`,
    ])
    expect(
      json(await holdfastHere('diff', 'v2', 'v5', ...repository, '--output', 'json')),
    ).toMatchObject({
      from: 2,
      to: 5,
      added: 1,
      removed: 1,
      contentChanged: 1,
      metadataChanged: 2,
    })
  })

  test('finds nothing between a version and itself', async () => {
    const { stdout } = await holdfastHere('diff', 'v2', 'v2', ...repository)
    expect(stdout).toContain(
      '0 added (+), 0 removed (-), 0 changed in content (M), 0 in metadata only (m)',
    )
  })
})

describe('restore', () => {
  test('only prints its plan in a dry run', async () => {
    const to = join(folder, 'dry')
    const planned = await holdfastHere('restore', ...repository, '--to', to, '--dry-run')
    expect(planned).toMatchObject({ code: 0, stderr: '' })
    expect(planned.stdout).toMatch(/restore v5 of test\/app\/0[^]*write +3 files, 13 B/)
    expect(readdirSync(folder)).not.toContain('dry')
  })

  test.each([
    ['the root', '/'],
    ['the home directory', '/root'],
    ['the home directory by another name', '/usr/../root/'],
  ])('refuses %s', async (_name, to) => {
    const refused = await holdfastHere('restore', ...repository, '--to', to)
    expect(refused).toMatchObject({ code: 2, stdout: '' })
    expect(refused.stderr).toContain('would remove everything')
  })

  test('refuses a directory that holds the store, or lies in it', async () => {
    for (const to of [folder, join(folder, 'repository/v1')])
      expect(await holdfastHere('restore', ...repository, '--to', to)).toMatchObject({
        code: 2,
        stdout: '',
      })
  })

  test('writes nothing to the log', async () => {
    const log = join(folder, 'repository/v1/streams/test/app/0/versions')
    const before = readdirSync(log)
    await holdfastHere('restore', ...repository, '--to', join(folder, 'to'))
    expect(readdirSync(log)).toEqual(before)
  })
})

describe('what is not there', () => {
  test.each([
    ['a repository', ['versions', '--store', 'file:///nowhere/at/all']],
    ['a stream', ['versions', '--stream', 'test/app/1']],
    ['a number', ['show', 'v77', '--stream', 'test/app/0']],
    ['a record that is no version', ['show', 'v1', '--stream', 'test/app/0']],
    [
      'a tag',
      ['restore', '--stream', 'test/app/0', '--to', '/tmp/never-made', '--version', 'no-such-tag'],
    ],
    ['a time before all', ['show', '20200101T000000Z', '--stream', 'test/app/0']],
    ['a version to compare', ['diff', 'v2', 'v99', '--stream', 'test/app/0']],
    ['a stream to verify', ['verify', '--stream', 'test/app/1']],
  ])('%s: one sentence, and exit code 10', async (_name, args) => {
    const own = args.includes('--store') ? args : [...args, '--store', store]
    const { code, stdout, stderr } = await holdfastHere(...own)
    expect({ code, stdout }).toEqual({ code: 10, stdout: '' })
    expect(stderr.trim().split('\n')).toHaveLength(1)
  })
})

describe('the process', () => {
  test('ends quietly when nobody reads on', async () => {
    const { execFileSync } = await import('node:child_process')
    const { LAUNCHER } = await import('./command.ts')
    const line = `set -o pipefail; '${process.execPath}' '${LAUNCHER}' show v5 --store '${store}' --stream test/app/0 --files --output json | true`
    expect(execFileSync('bash', ['-c', line], { encoding: 'utf8', stdio: 'pipe' })).toBe('')
  })

  test.each([
    ['no command', []],
    ['an unknown command', ['destroy']],
    ['an unknown flag', ['versions', '--store', 'file:///x', '--sream', 'a/b/0']],
    ['a flag without its value', ['versions', '--store']],
    ['a missing flag', ['restore', '--store', 'file:///x']],
    ['no store of ours', ['versions', '--store', 'ftp://x']],
    ['half a stream', ['versions', '--store', 'file:///x', '--stream', 'a/b']],
    ['no duration', ['versions', '--store', 'file:///x', '--timeout', 'soon']],
    ['a stray word', ['versions', 'now', '--store', 'file:///x']],
    ['fresh, which is no version', ['show', 'fresh', '--stream', 'test/app/0']],
    ['a version without its stream', ['verify', '--version', 'v2']],
    ['no path', ['replicate', '--stream', 'test/app/0', '--once']],
    ['a path around the store', ['replicate', '--stream', 'test/app/0', '--once', '--path', '/']],
    [
      'paths in each other',
      ['replicate', '--stream', 'a/b/0', '--once', '--path', '/a', '--path', '/a/b'],
    ],
    ['no image', ['replicate', '--stream', 'a/b/0', '--once', '--path', '/a', '--image', 'x']],
    [
      'a tag that reads as a version',
      ['replicate', '--stream', 'a/b/0', '--once', '--path', '/a', '--tag', 'v7'],
    ],
  ])('%s: exit code 2', async (_name, args) => {
    const own = args.length < 2 || args.includes('--store') ? args : [...args, '--store', store]
    const { code, stdout, stderr } = await holdfast(...own)
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    if (args.length > 0) expect(stderr.trim().split('\n')).toHaveLength(1)
  })

  test('shows help, and its exit codes', async () => {
    const { code, stdout } = await holdfast('--help')
    expect(code).toBe(0)
    expect(stdout).toContain('130  cancelled')
    expect((await holdfast('restore', '--help')).stdout).toContain('--dry-run')
  })
})

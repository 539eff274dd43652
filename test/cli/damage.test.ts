import * as fc from 'fast-check'
import { randomBytes } from 'node:crypto'
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { holdfast, holdfastHere, json } from './command.ts'
import { freshFolder } from './odd-tree.ts'

let folder: string
let whole: string
let broken: string
let repository: string[]
const STREAM = 'v1/streams/test/app/0'

/** v2: `large` in a pack, `small`; v5 (tagged): `large` as it was, `small` changed. */
beforeAll(async () => {
  folder = await freshFolder()
  whole = join(folder, 'whole')
  broken = join(folder, 'broken')
  const source = join(folder, 'source')
  mkdirSync(source)
  writeFileSync(join(source, 'large'), randomBytes(3 * 1024 * 1024))
  writeFileSync(join(source, 'small'), 'small')
  const once = [
    'replicate',
    '--store',
    pathToFileURL(whole).href,
    '--stream',
    'test/app/0',
    '--path',
    source,
    '--once',
  ]
  expect((await holdfastHere(...once)).code).toBe(0)
  writeFileSync(join(source, 'small'), 'smaller')
  expect((await holdfastHere(...once, '--tag', 'second')).code).toBe(0)
  repository = ['--store', pathToFileURL(broken).href, '--stream', 'test/app/0']
})
beforeEach(() => {
  rmSync(broken, { recursive: true, force: true })
  cpSync(whole, broken, { recursive: true })
})
afterAll(() => rm(folder, { recursive: true, force: true }))

function objectsOf(part: 'packs' | 'versions' | 'tags'): string[] {
  const at = join(broken, STREAM, part)
  return readdirSync(at).map((name) => join(at, name))
}

function versionObject(n: number): string {
  return objectsOf('versions').find((path) => path.endsWith(`-v${n}`)) ?? ''
}

function change(path: string, at: number): void {
  const bytes = readFileSync(path)
  bytes.writeUInt8(bytes.readUInt8(at) ^ 0xff, at)
  writeFileSync(path, bytes)
}

describe('a damaged pack', () => {
  beforeEach(() => {
    change(objectsOf('packs')[0] ?? '', 1000)
  })

  test('costs exactly the files in it, and verify names them in each version', async () => {
    const verified = await holdfast('verify', ...repository, '--output', 'json')
    expect(verified.code).toBe(3)
    const lost = [
      {
        path: `${join(folder, 'source')}/large`,
        why: expect.stringContaining('corrupt') as string,
      },
    ]
    expect(json(verified)).toMatchObject({
      sound: false,
      streams: [
        {
          damaged: [
            // Every version that refers to it, in one line: v2 and v5.
            { from: 2, to: 5, problem: null, files: 1, lost },
          ],
        },
      ],
    })
  })

  test('is restored around: everything else comes back, and the exit code is 3', async () => {
    const to = join(folder, 'around')
    const restored = await holdfast('restore', ...repository, '--to', to)
    expect(restored.code).toBe(3)
    expect(restored.stdout).toMatch(
      /1 file could not be brought back[^]*large: object .* is corrupt/,
    )
    expect(readdirSync(to)).toEqual(['small'])
  })
})

test('a pack that is gone costs its files, too', async () => {
  rmSync(objectsOf('packs')[0] ?? '')
  const verified = await holdfastHere('verify', ...repository)
  expect(verified.code).toBe(3)
  expect(verified.stdout).toContain('it is not there')
})

test('a version object that is cut off costs itself, and what is told against it', async () => {
  writeFileSync(versionObject(2), readFileSync(versionObject(2)).subarray(0, -40))
  const listed = await holdfastHere('versions', ...repository)
  expect(listed.code).toBe(0)
  expect(listed.stdout).toMatch(/v2 .*damaged/)
  expect(listed.stderr).toContain('is corrupt')
  const restored = await holdfastHere(
    'restore',
    ...repository,
    '--to',
    join(folder, 'cut'),
    '--version',
    'v2',
  )
  expect(restored).toMatchObject({ code: 1, stdout: '' })
  const verified = await holdfastHere('verify', ...repository)
  expect(verified.code).toBe(3)
  expect(verified.stdout).toMatch(/v2 +\(all of it\)[^]*v5 +\(all of it\) +it needs another/)
})

test('garbage among the objects is named, and harms nothing', async () => {
  writeFileSync(join(broken, 'garbage'), 'garbage')
  writeFileSync(join(broken, STREAM, 'packs', 'garbage'), 'garbage')
  const verified = await holdfastHere('verify', '--store', repository[1] ?? '')
  expect(verified.code).toBe(0)
  expect(verified.stderr).toContain('object garbage belongs to no stream')
  expect(verified.stdout).toContain('1 object that no readable version refers to')
  writeFileSync(join(broken, STREAM, 'versions', 'garbage'), 'garbage')
  expect(await holdfastHere('verify', ...repository)).toMatchObject({ code: 3, stderr: '' })
})

test('a record under the number of another is found out', async () => {
  copyFileSync(versionObject(2), versionObject(5))
  const verified = await holdfastHere('verify', ...repository)
  expect(verified.code).toBe(3)
  expect(verified.stdout).toContain('it says that it is v2')
})

test('whatever is changed in any object: sentences and exit codes, never a stack, and verify misses nothing that a restore would', async () => {
  const sizes = [...objectsOf('versions'), ...objectsOf('packs'), ...objectsOf('tags')]
  const damage = fc.record({
    object: fc.nat(sizes.length - 1),
    at: fc.integer({ min: 0, max: 999_999 }),
    how: fc.constantFrom('flip', 'cut', 'empty', 'garbage'),
  })
  const large = readFileSync(join(folder, 'source/large'))
  const seed = Date.now()
  await fc.assert(
    fc.asyncProperty(damage, async ({ object, at, how }) => {
      const path = sizes[object] ?? ''
      const before = readFileSync(path)
      const place = Math.floor((at / 1e6) * before.length)
      if (how === 'flip') change(path, place)
      else if (how === 'cut') writeFileSync(path, before.subarray(0, place))
      else writeFileSync(path, how === 'empty' ? '' : randomBytes(place + 1))
      const to = join(folder, 'damaged')
      const results = [
        await holdfastHere('versions', ...repository),
        await holdfastHere('show', 'second', ...repository, '--files'),
        await holdfastHere('diff', 'v2', 'latest', ...repository),
        await holdfastHere('restore', ...repository, '--to', to, '--version', 'v5'),
        await holdfastHere('verify', ...repository),
      ]
      for (const { code, stdout, stderr } of results) {
        expect(`${stdout}${stderr}`).not.toMatch(/unexpected|^\s+at /m)
        expect([0, 1, 3, 10]).toContain(code)
      }
      const [restored, verified] = results.slice(3)
      if (restored?.code === 0) expect(readFileSync(join(to, 'large')).equals(large)).toBe(true)
      // What verify calls sound is restored whole.
      else expect(verified?.code).toBe(3)
      writeFileSync(path, before)
      rmSync(to, { recursive: true, force: true })
    }),
    // Found is found: to make it smaller would take minutes.
    { seed, numRuns: 40, endOnFailure: true },
  )
  expect(existsSync(broken)).toBe(true)
})

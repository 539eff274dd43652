import { appendFileSync, mkdirSync, statSync, writeFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { freshS3Url } from '../support/s3-url.ts'
import { holdfast, json } from './command.ts'
import { compareTrees, freshFolder, makeOddTree } from './odd-tree.ts'

interface Made {
  readonly version: number
  readonly made: boolean
  readonly added: { readonly changed: number; readonly storedBytes: number }
}

describe.each(['file', 's3'])('a tree of odd things in a %s store', (kind) => {
  let folder: string
  let source: string
  let repository: string[]
  let first: number

  beforeAll(async () => {
    folder = await freshFolder()
    source = join(folder, 'source')
    mkdirSync(source)
    makeOddTree(source)
    const store = kind === 's3' ? freshS3Url() : pathToFileURL(join(folder, 'repository')).href
    repository = ['--store', store, '--stream', 'test/odd/0']
    const made = await holdfast(
      'replicate',
      ...repository,
      '--path',
      source,
      '--once',
      '--output',
      'json',
    )
    expect(made).toMatchObject({ code: 0, stderr: '' })
    first = (json(made) as Made).version
  })
  afterAll(() => rm(folder, { recursive: true, force: true }))

  test('comes back equal, as rsync and diff see it', async () => {
    const to = join(folder, 'restored')
    const restored = await holdfast('restore', ...repository, '--to', to)
    expect(restored).toMatchObject({ code: 0, stderr: '' })
    expect(compareTrees(source, to)).toBe('')
    expect(statSync(join(to, 'sparse')).blocks * 512).toBeLessThan(1024 * 1024)
  })

  test('unchanged, makes nothing', async () => {
    const again = await holdfast('replicate', ...repository, '--path', source, '--once')
    expect(again).toEqual({ code: 0, stdout: `unchanged since v${first}\n`, stderr: '' })
  })

  test('ships only what changed, and takes back only what differs', async () => {
    appendFileSync(join(source, 'random'), 'a little more')
    writeFileSync(join(source, 'deep/new'), 'new')
    const args = ['replicate', ...repository, '--path', source, '--once', '--output', 'json']
    const made = json(await holdfast(...args)) as Made
    expect(made).toMatchObject({ made: true })
    // The last chunk of the changed file, and the new one; the other chunks are referred to.
    expect(made.added.storedBytes).toBeLessThan(4.5 * 1024 * 1024)
    const to = join(folder, 'restored')
    const plan = await holdfast('restore', ...repository, '--to', to, '--output', 'json')
    expect((json(plan) as { fetchedBytes: number }).fetchedBytes).toBeLessThan(4.5 * 1024 * 1024)
    expect(compareTrees(source, to)).toBe('')
  })

  test('goes back to its first version, with all that came later removed', async () => {
    const to = join(folder, 'restored')
    const before = await holdfast('diff', `v${first}`, 'latest', ...repository, '--output', 'json')
    expect(json(before)).toMatchObject({ added: 1, removed: 0, contentChanged: 3 })
    writeFileSync(join(to, 'extra'), 'of nobody')
    const restored = await holdfast('restore', ...repository, '--to', to, '--version', `v${first}`)
    expect(restored.code).toBe(0)
    expect(restored.stdout).toContain(`- ${join(to, 'extra')}`)
    const other = join(folder, 'other')
    await holdfast('restore', ...repository, '--to', other, '--version', `v${first}`)
    expect(compareTrees(other, to)).toBe('')
  })

  test('verifies', async () => {
    const verified = await holdfast('verify', ...repository, '--output', 'json')
    expect(verified.code).toBe(0)
    expect(json(verified)).toMatchObject({ sound: true, streams: [{ versions: 2, problems: [] }] })
  })
})

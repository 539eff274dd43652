import * as fc from 'fast-check'
import { mkdirSync, writeFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { holdfast, holdfastHere } from './command.ts'
import { freshFolder } from './odd-tree.ts'

let folder: string
beforeAll(async () => {
  folder = await freshFolder()
  mkdirSync(join(folder, 'source'))
  writeFileSync(join(folder, 'source/a'), 'a')
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const COMMANDS = [
  'replicate',
  'restore',
  'versions',
  'show',
  'verify',
  'diff',
  'key',
  'help',
  'garbage',
  '',
]
const FLAGS = [
  '--store',
  '--stream',
  '--path',
  '--exclude',
  '--within',
  '--once',
  '--image',
  '--tag',
  '--to',
]
const MORE_FLAGS = [
  '--version',
  '--dry-run',
  '--limit',
  '--output',
  '--files',
  '--timeout',
  '--namespace',
  '--remove-old',
  '--help',
  '-x',
  '--',
]

/** Words that name nothing outside of the test's own folder, wherever they end up. */
function words() {
  const store = pathToFileURL(join(folder, 'repository')).href
  const known = [
    store,
    'a/b/0',
    'a/b/1',
    join(folder, 'source'),
    join(folder, 'to'),
    'v1',
    'v2',
    'check',
    'init',
    'rotate',
    'latest',
  ]
  const wrong = [
    's3://',
    's3://A',
    'ftp://x',
    'file:',
    'a/b',
    'x=y',
    '5s',
    '0s',
    '1e9',
    '20261120T141500Z',
    'json',
    'fresh',
  ]
  // Not a path, nor a store's URL: no slash, and no scheme.
  const noise = fc
    .string({ unit: 'binary', maxLength: 12 })
    .map((text) => text.replaceAll(/[/:.~]/g, '_'))
  return fc.oneof(fc.constantFrom(...known), fc.constantFrom(...wrong), noise)
}

function commandLine() {
  const part = fc.oneof(
    fc.tuple(fc.constantFrom(...FLAGS, ...MORE_FLAGS), words()).map((pair) => [...pair]),
    fc.constantFrom(...FLAGS, ...MORE_FLAGS).map((flag) => [flag]),
    words().map((word) => [word]),
  )
  return fc
    .tuple(fc.constantFrom(...COMMANDS), fc.array(part, { maxLength: 7 }))
    .map(([command, parts]) => {
      const args = [command, ...parts.flat()]
      // Without it a good command line would run until a signal; noise may name relative paths.
      return command === 'replicate' ? ['replicate', '--once', ...args.slice(1)] : args
    })
}

function expectSentence(
  args: string[],
  { code, stdout, stderr }: { code: number | null; stdout: string; stderr: string },
) {
  const told = JSON.stringify(args)
  expect(`${stdout}${stderr}`, told).not.toMatch(/unexpected|^\s+at .*:\d+/m)
  expect([0, 1, 2, 3, 10, 12], told).toContain(code)
  if (code !== 0) expect(stderr, told).not.toBe('')
}

test('whatever is typed: a sentence and an exit code, never a stack, never a hang', async () => {
  const seed = Date.now()
  const cwd = process.cwd()
  process.chdir(folder)
  try {
    await fc.assert(
      fc.asyncProperty(commandLine(), async (args) => {
        expectSentence(args, await holdfastHere(...args))
      }),
      { seed, numRuns: 500 },
    )
  } finally {
    process.chdir(cwd)
  }
})

test('nor from the real process', async () => {
  const lines = fc.sample(commandLine(), { seed: Date.now(), numRuns: 12 })
  for (const args of lines) {
    const spoken = args.map((arg) => arg.replaceAll('\0', '_')) // no process can be given a NUL
    expectSentence(spoken, await holdfast(...spoken))
  }
})

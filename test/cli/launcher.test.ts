import { execFileSync, spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { LAUNCHER } from './command.ts'
import { freshFolder } from './odd-tree.ts'

let folder: string
let launcher: string

/** Pretends to be an older Node: the launcher looks at `process.versions` and nothing else. */
const OLDER = 'Object.defineProperty(process, "versions", { value: { node: "20.20.2" } })'

beforeEach(async () => {
  folder = await freshFolder()
  mkdirSync(join(folder, 'cli'))
  mkdirSync(join(folder, 'node_modules/.bin'), { recursive: true })
  launcher = join(folder, 'cli/holdfast.mjs')
  copyFileSync(LAUNCHER, launcher)
  writeFileSync(join(folder, 'older.cjs'), OLDER)
})
afterEach(() => rm(folder, { recursive: true, force: true }))

function launchOlder(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ['--require', join(folder, 'older.cjs'), launcher, ...args],
    { encoding: 'utf8' },
  )
  return { status, stdout, stderr }
}

test('says in one sentence what an older Node lacks', () => {
  const { status, stdout, stderr } = launchOlder('versions')
  expect({ status, stdout }).toEqual({ status: 1, stdout: '' })
  expect(stderr).toMatch(/^holdfast: this is Node 20\.20\.2, and holdfast needs 24 or newer: .*\n$/)
})

test('hands over to the Node that npm install brought, with arguments and exit code', () => {
  writeFileSync(join(folder, 'bundled'), '#!/bin/sh\necho "$@"; exit 3\n', { mode: 0o755 })
  symlinkSync('../../bundled', join(folder, 'node_modules/.bin/node'))
  const { status, stdout } = launchOlder('show', 'a b')
  expect({ status, stdout }).toEqual({
    status: 3,
    stdout: `${join(folder, 'cli/main.ts')} show a b\n`,
  })
})

test('is no loop when the Node that is there is the older one', () => {
  symlinkSync(process.execPath, join(folder, 'node_modules/.bin/node'))
  expect(launchOlder('versions').status).toBe(1)
})

test('is executable, and runs as npx runs it', () => {
  const bin = join(LAUNCHER, '../../node_modules/.bin')
  const environment = { ...process.env, PATH: `${bin}:${process.env['PATH']}` }
  expect(execFileSync(LAUNCHER, ['--help'], { encoding: 'utf8', env: environment })).toContain(
    'Usage: holdfast',
  )
})

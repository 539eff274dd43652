import { expect, it } from 'vitest'
import { createExclude } from '../../../agent/volume/exclude.ts'

it.each([
  ['*.tmp', 'a.tmp', true],
  ['*.tmp', '.tmp', true],
  ['*.tmp', 'a/b.tmp', false],
  ['**/*.tmp', 'b.tmp', true],
  ['**/*.tmp', 'a/.hidden/b.tmp', true],
  ['**/*.tmp', 'a.tmp.d', false],
  ['**/*.tmp', 'a\nb/c\nd.tmp', true],
  ['*', '\n', true],
  ['**/*.tmp', '\udcff.tmp', true],
  ['cache/', 'cache', true],
  ['cache/', 'cache/a/b', true],
  ['cache/', 'a/cache', false],
  ['cache/', 'cached', false],
  ['node_modules', 'node_modules/a/b', true],
  ['**/node_modules', 'a/node_modules/b', true],
  ['{a,b}/*.log', 'b/x.log', true],
  ['[ab]', 'a', true],
])('%j: %j is excluded: %s', (glob, path, excluded) => {
  expect(createExclude([glob])(path)).toBe(excluded)
})

it('never excludes the declared path itself', () => {
  expect(createExclude(['**', '*', '**/'])('')).toBe(false)
})

it('excludes nothing where no glob says so', () => {
  expect(createExclude([])('a')).toBe(false)
})

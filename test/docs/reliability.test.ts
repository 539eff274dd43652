import { existsSync, readFileSync, readdirSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'

const ROOT = path.join(import.meta.dirname, '../..')
const text = readFileSync(path.join(ROOT, 'docs/reliability.md'), 'utf8')
const named = new Set([...text.matchAll(/`(test\/[^` ]+\.ts)`/g)].map(([, file = '']) => file))

test('every test that docs/reliability.md names is there', () => {
  expect(named.size).toBeGreaterThan(20)
  expect([...named].filter((file) => !existsSync(path.join(ROOT, file)))).toEqual([])
})

test.each(['faults', 'outage'])('every test of test/%s is named there', (folder) => {
  const files = readdirSync(path.join(ROOT, 'test', folder)).filter((file) =>
    file.endsWith('.test.ts'),
  )
  expect(files.filter((file) => !named.has(`test/${folder}/${file}`))).toEqual([])
})

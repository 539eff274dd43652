import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { answersTo, WORKLOADS_DIR, workloadCaseNames } from '../../golden/workload-case.ts'

describe('workloads of real shapes', () => {
  it.each(workloadCaseNames())('%s gets the answers on file', async (name) => {
    const expected = readFileSync(join(WORKLOADS_DIR, name, 'expected.yaml'), 'utf8')
    const answers = await answersTo(name)
    expect(answers, 'after a wanted change: node test/golden/regenerate.ts').toBe(expected)
    // What is longer may be cut by the API server.
    for (const warning of (parse(answers) as { check: { warnings: string[] } }).check.warnings)
      expect(warning.length).toBeLessThanOrEqual(256)
  })
})

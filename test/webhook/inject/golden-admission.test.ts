import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { inject } from '../../../webhook/inject/inject.ts'
import { Refusal } from '../../../webhook/inject/refusal.ts'
import { ADMISSION_DIR, answerOf, caseNames, readCase } from '../../golden/admission-case.ts'

describe('pods of real shapes', () => {
  it.each(caseNames())('%s gets the answer on file, and the same pod again', (name) => {
    const expected = readFileSync(join(ADMISSION_DIR, name, 'expected.yaml'), 'utf8')
    expect(answerOf(name), 'after a wanted change: node test/golden/regenerate.ts').toBe(expected)
    const { pod, context } = readCase(name)
    const once = inject(pod, context)
    if (once instanceof Refusal) return
    const twice = inject(once.pod, context)
    expect(twice).toEqual(once)
  })
})

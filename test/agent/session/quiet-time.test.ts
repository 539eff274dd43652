import { describe, expect, it } from 'vitest'
import { quietTime } from '../../../agent/session/quiet-time.ts'

describe('the quiet after which a burst has ended', () => {
  it('is short for the first change after a calm, and longer while versions follow each other', () => {
    expect(quietTime(5000, Infinity)).toBe(100)
    expect(quietTime(5000, 2501)).toBe(100)
    expect(quietTime(5000, 2500)).toBe(250)
    expect(quietTime(5000, 0)).toBe(250)
  })

  it('is a quarter of what is promised at most', () => {
    expect(quietTime(200, 0)).toBe(50)
    expect(quietTime(200, Infinity)).toBe(50)
  })
})

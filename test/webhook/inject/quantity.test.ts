import { describe, expect, it } from 'vitest'
import {
  formatBytes,
  formatCpu,
  parseQuantity,
  quantityBytes,
} from '../../../webhook/inject/quantity.ts'

describe('a quantity', () => {
  it.each([
    ['500m', '500m'],
    ['1', '1'],
    [2, '2'],
    ['0.5', '500m'],
    ['.25', '250m'],
    ['1500u', '2m'],
    ['1e1', '10'],
  ])('of CPU, %s, is %s', (text, cores) => {
    expect(formatCpu(parseQuantity(text)!)).toBe(cores)
  })

  it.each([
    ['64Mi', '64Mi'],
    ['1024Ki', '1Mi'],
    ['1.5Gi', '1536Mi'],
    ['100M', '100000000'],
    ['1e3', '1000'],
    ['0', '0'],
    ['7E', '6835937500000000Ki'],
  ])('of memory, %s, is %s', (text, bytes) => {
    expect(formatBytes(parseQuantity(text)!)).toBe(bytes)
  })

  it.each(['', 'x', '1x', '-1', '1.2.3', '.', '1mi', 'e3'])('is not %s', (text) => {
    expect(parseQuantity(text)).toBeUndefined()
  })

  it('is counted in whole bytes, rounded up', () => {
    expect(quantityBytes(parseQuantity('1500m')!)).toBe(2)
  })
})

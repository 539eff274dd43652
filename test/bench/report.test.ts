import { describe, expect, it } from 'vitest'
import { markdownText, tableText } from '../../bench/report-text.ts'
import { median, report } from '../../bench/report.ts'
import type { Sample, Side } from '../../bench/samples.ts'

function sample(side: Side, round: number, value: number, work = 'restore'): Sample {
  return { work, store: 'S3', measure: 'wall', unit: 'ms', side, round, value }
}

describe('the report', () => {
  it('compares the two sides round by round, not their medians', () => {
    const samples = [
      sample('holdfast', 1, 100),
      sample('restic', 1, 200),
      sample('restic', 2, 1000),
      sample('holdfast', 2, 100),
      sample('holdfast', 3, 600),
      sample('restic', 3, 400),
    ]
    expect(report(samples)).toEqual([
      {
        work: 'restore',
        store: 'S3',
        measure: 'wall',
        unit: 'ms',
        rounds: 3,
        holdfast: 100,
        restic: 400,
        ratio: { min: 0.1, median: 0.5, max: 1.5 },
      },
    ])
  })

  it('has no ratio where restic has no part, or took nothing', () => {
    const [alone, besideNothing] = report([
      sample('holdfast', 1, 5, 'at rest'),
      sample('holdfast', 1, 5),
      sample('restic', 1, 0),
    ])
    expect(alone).toMatchObject({ restic: undefined, ratio: undefined })
    expect(besideNothing).toMatchObject({ restic: 0, ratio: undefined })
  })

  it('takes the mean of the two values in the middle for a median', () => {
    expect(median([9, 1, 4, 2])).toBe(3)
    expect(median([])).toBeNaN()
  })

  it('names what was done once in a terminal, and in every row of a Markdown table', () => {
    const rows = report([
      sample('holdfast', 1, 1500),
      sample('restic', 1, 3000),
      { ...sample('holdfast', 1, 3 * 2 ** 20), measure: 'stored', unit: 'bytes' },
    ])
    const [, first = '', second = ''] = tableText(rows).split('\n')
    expect(first).toMatch(/^restore {2,}S3 {2,}wall {2,}1\.50 s {2,}3\.00 s( {2,}0\.50){3}$/)
    expect(second).toMatch(/^ +stored {2,}3\.0 MiB$/)
    expect(markdownText(rows).split('\n').at(-1)).toBe(
      '| restore | S3 | stored | 3.0 MiB |  |  |  |  |',
    )
  })
})

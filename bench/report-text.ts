/** The table, for a terminal and for a Markdown page. */
import { formatBytes } from '../cli/text/sizes.ts'
import { formatTable } from '../cli/text/table.ts'
import type { Row } from './report.ts'
import type { Unit } from './samples.ts'

const HEADERS = [
  'work',
  'store',
  'measure',
  'holdfast',
  'restic',
  'ratio: min',
  'median',
  'max',
] as const
const NUMBERS = new Set<string>(HEADERS.slice(3))

export function tableText(rows: readonly Row[]): string {
  return formatTable(HEADERS, withoutRepeats(rows.map(cellsOf)), NUMBERS)
}

export function markdownText(rows: readonly Row[]): string {
  const rule = HEADERS.map((header) => (NUMBERS.has(header) ? '--:' : '---'))
  return [HEADERS, rule, ...rows.map(cellsOf)].map(markdownLine).join('\n')
}

function markdownLine(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`
}

function cellsOf({ work, store, measure, unit, holdfast, restic, ratio }: Row): string[] {
  const ratios =
    ratio === undefined ? ['', '', ''] : [ratio.min, ratio.median, ratio.max].map(formatRatio)
  const other = restic === undefined ? '' : formatValue(restic, unit)
  return [work, store, measure, formatValue(holdfast, unit), other, ...ratios]
}

/** What was done is named in the first of its rows only. */
function withoutRepeats(rows: readonly string[][]): string[][] {
  return rows.map((cells, i) => {
    const [work, store] = rows[i - 1] ?? []
    if (cells[0] !== work) return cells
    return ['', cells[1] === store ? '' : (cells[1] ?? ''), ...cells.slice(2)]
  })
}

function formatRatio(ratio: number): string {
  return ratio >= 10 ? ratio.toFixed(0) : ratio.toPrecision(2)
}

function formatValue(value: number, unit: Unit): string {
  switch (unit) {
    case 'bytes':
      return formatBytes(Math.round(value))
    case 'ms':
      return value < 1000
        ? `${value.toFixed(value < 10 ? 1 : 0)} ms`
        : `${(value / 1000).toFixed(2)} s`
    case 'percent':
      return `${value.toFixed(2)} %`
    case 'count':
      return String(Math.round(value * 10) / 10)
  }
}

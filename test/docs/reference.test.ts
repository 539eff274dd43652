/** `docs/reference.md` tells of every word that a cluster is told, and of none besides. */
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, it } from 'vitest'
import { renderMetrics } from '../../agent/serve/metrics.ts'
import { Status } from '../../agent/session/status.ts'
import { KEY } from '../../shared/sidecar-contract.ts'
import { OCCURRENCES, STEPS, TROUBLES } from '../../webhook/controller/reasons.ts'
import { serviceMetrics } from '../support/service-metrics.ts'

const text = readFileSync(path.join(import.meta.dirname, '../../docs/reference.md'), 'utf8')

/** What the first column of the tables below a heading names, without labels in braces. */
function named(heading: string): string[] {
  const section = text.split(/^## /m).find((one) => one.startsWith(heading)) ?? ''
  const cells = section.split('\n').flatMap((line) => /^\| (`.*?`) \|/.exec(line)?.slice(1) ?? [])
  return cells.flatMap((cell) =>
    [...cell.matchAll(/`([^`{]+)[^`]*`/g)].map(([, name = '']) => name),
  )
}

const sorted = (names: readonly string[]) => names.toSorted()

it('names each key', () => {
  expect(sorted(named('Keys'))).toEqual(sorted(Object.values(KEY)))
})

it('names each reason of the condition', () => {
  expect(sorted(named('The condition'))).toEqual(sorted([...STEPS, ...TROUBLES]))
})

it('names each reason of Events', () => {
  expect(sorted(named('Events'))).toEqual(sorted(OCCURRENCES))
})

it('names each metric', async () => {
  const { text: rendered } = await renderMetrics(new Status().facts, 0)
  const sidecar = [...rendered.matchAll(/^# TYPE (\S+)/gm)].map(([, name = '']) => name)
  expect(sidecar.length).toBeGreaterThan(5)
  expect(sorted(named('Metrics'))).toEqual(sorted([...(await serviceMetrics()), ...sidecar]))
})

/** What `verify` found, as text and as JSON. Pure. */
import type { DamagedVersions } from '../shared/repository/verdict.ts'
import { printablePath } from './text/names.ts'
import { formatBytes, formatCount } from './text/sizes.ts'
import { formatTable } from './text/table.ts'
import type { Coverage } from './verify-coverage.ts'
import type { Recorded } from './verify-record.ts'
import type { StreamResult } from './verify-stream.ts'

export function isSound({ problems, damaged }: StreamResult): boolean {
  return problems.length === 0 && damaged.length === 0
}

export function resultText(result: StreamResult): string {
  const { stream, problems, damaged, unreferenced } = result
  const verdict = isSound(result)
    ? 'all as it was written'
    : `DAMAGED: ${damagedText(damaged)}, ${formatCount(problems.length, 'other problem')}`
  return [
    `${stream}: ${checkedText(result)}: ${verdict}`,
    ...problems.map((problem) => `  ${printablePath(problem)}`),
    ...(damaged.length === 0 ? [] : [damageTable(damaged), REPAIR]),
    ...(unreferenced.length === 0
      ? []
      : [
          `  (${formatCount(unreferenced.length, 'object')} that no readable version refers to, as a crash leaves them)`,
        ]),
  ].join('\n')
}

/** What can be done about it, and what cannot. */
const REPAIR = `  These versions stay damaged; everything else in them can be restored (exit code 3). An agent that still has the
  files ships them again when it starts next, or when a backup is asked for: versions from then on are whole.`

function checkedText({
  versions,
  packs,
  chunks,
  checkedChunks,
  readBytes,
  coverage,
}: StreamResult): string {
  const read =
    coverage.percent === 100
      ? formatCount(chunks, 'chunk')
      : `${checkedChunks} of ${formatCount(chunks, 'chunk')} (${coverageText(coverage)})`
  return `${formatCount(versions, 'version')}, ${formatCount(packs, 'object')} with ${read}, ${formatBytes(readBytes)} read`
}

function coverageText({ percent, seed }: Coverage): string {
  return `--sample ${percent}% --seed ${seed}`
}

function damagedText(damaged: readonly DamagedVersions[]): string {
  const files = damaged.reduce((sum, each) => sum + each.files, 0)
  const whole = damaged.filter(({ problem }) => problem !== null).length
  return [
    ...(files === 0 ? [] : [`${formatCount(files, 'file')} lost`]),
    ...(whole === 0 ? [] : ['versions that cannot be read']),
  ].join(', ')
}

function damageTable(damaged: readonly DamagedVersions[]): string {
  const rows = damaged.flatMap(({ from, to, problem, lost }) => {
    const versions = from === to ? `v${from}` : `v${from} to v${to}`
    return problem === null
      ? lost.map(({ path, why }) => [versions, printablePath(path), why])
      : [[versions, '(all of it)', problem]]
  })
  return formatTable(['VERSION', 'LOST', 'WHY'], rows)
}

export function resultJson(result: StreamResult, recorded: Recorded) {
  const { coverage, range, notices, ...facts } = result
  return {
    ...facts,
    sound: isSound(result),
    percent: coverage.percent,
    seed: coverage.percent === 100 ? null : coverage.seed,
    verified: range ?? null,
    noticed: notices.map(({ pack }) => pack),
    recorded: recorded !== undefined && 'key' in recorded ? recorded.key : null,
  }
}

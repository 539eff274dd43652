/** What `verify` found, as text and as JSON. Pure. */
import { printablePath } from './text/names.ts'
import { formatBytes, formatCount } from './text/sizes.ts'
import { formatTable } from './text/table.ts'
import type { DamagedVersion, StreamResult } from './verify-stream.ts'

export function isSound({ problems, damaged }: StreamResult): boolean {
  return problems.length === 0 && damaged.length === 0
}

export function resultText(result: StreamResult): string {
  const { stream, versions, packs, readBytes, problems, damaged, unreferenced } = result
  const checked = `${formatCount(versions, 'version')}, ${formatCount(packs, 'pack')}, ${formatBytes(readBytes)} read`
  const verdict = isSound(result)
    ? 'all as it was written'
    : `DAMAGED: ${formatCount(damaged.length, 'version')}, ${formatCount(problems.length, 'other problem')}`
  return [
    `${stream}: ${checked}: ${verdict}`,
    ...problems.map((problem) => `  ${printablePath(problem)}`),
    ...(damaged.length === 0 ? [] : [damageTable(damaged)]),
    ...(unreferenced.length === 0
      ? []
      : [
          `  (${formatCount(unreferenced.length, 'object')} that no readable version refers to, as a crash leaves them)`,
        ]),
  ].join('\n')
}

function damageTable(damaged: readonly DamagedVersion[]): string {
  const rows = damaged.flatMap(({ version, problem, lost }) =>
    problem === undefined
      ? lost.map(({ path, why }) => [`v${version}`, printablePath(path), why])
      : [[`v${version}`, '(all of it)', problem]],
  )
  return formatTable(['VERSION', 'LOST', 'WHY'], rows)
}

export function resultJson(result: StreamResult) {
  return {
    ...result,
    sound: isSound(result),
    damaged: result.damaged.map(({ version, problem, lost }) => ({
      version,
      problem: problem ?? null,
      lost,
    })),
  }
}

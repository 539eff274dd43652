/** What prune did, or would do, as text and as JSON. Pure. */
import { formatDuration } from '../shared/declaration/duration.ts'
import type { Keep } from '../shared/repository/log-record.ts'
import type { PruneResult } from './prune-stream.ts'
import { formatBytes, formatCount } from './text/sizes.ts'
import { formatTable } from './text/table.ts'
import { formatTime } from './text/times.ts'

type Fate = 'stays' | 'is planned' | 'goes' | 'has gone'

interface VersionLine {
  readonly version: number
  readonly modifiedAt: Date
  readonly lineage: string
  readonly fate: Fate
  readonly why: string
}

/** Newest first. */
function versionLines({ survey, decision, staying, swept }: PruneResult): VersionLine[] {
  const { kept, planned, gone } = decision
  return survey.records.toReversed().flatMap(({ record, modifiedAt }) => {
    if (record.kind !== 'version') return []
    const { n: version, lineage } = record
    const line = { version, modifiedAt, lineage }
    const stays = staying.get(version)
    if (gone.has(version))
      return {
        ...line,
        fate: swept === undefined ? 'goes' : 'has gone',
        why: stays === undefined ? 'no rule keeps it' : `its object stays: ${stays}`,
      }
    const why = kept.get(version)
    if (planned.has(version))
      return { ...line, fate: 'is planned', why: why === undefined ? 'no rule keeps it' : why }
    return { ...line, fate: 'stays', why: why ?? 'until the next plan' }
  })
}

/** A line for each version: why it stays or goes. */
export function fateTable(result: PruneResult): string {
  const rows = versionLines(result).map(({ version, modifiedAt, lineage, fate, why }) => [
    `v${version}`,
    formatTime(modifiedAt),
    lineage,
    fate,
    why,
  ])
  return formatTable(['VERSION', 'TIME', 'LINEAGE', 'FATE', 'WHY'], rows)
}

/** `all 24h, hourly 48, daily 14, weekly 8`. */
export function keepText({ allMs, hourly, daily, weekly }: Keep): string {
  return `all ${formatDuration(allMs)}, hourly ${hourly}, daily ${daily}, weekly ${weekly}`
}

/** One line, and one more for whoever has to act. */
export function resultText(stream: string, result: PruneResult): string {
  const { decision, objects, swept, keep } = result
  const { kept, planned, waitsUntil } = decision
  const parts = [
    formatCount(kept.size, 'version') + ' kept',
    `${planned.size} planned`,
    ...(swept === undefined
      ? [`${decision.gone.size - result.staying.size} to be removed now`]
      : [
          `${formatCount(swept.versions, 'version')} and ${formatCount(swept.objects, 'pack')} removed`,
          `${formatCount(swept.compacted, 'pack')} compacted`,
        ]),
    ...(swept === undefined ? [`${objects.compacted.length} to be compacted`] : []),
    ...(waitsUntil === undefined ? [] : [`the plan stands until ${formatTime(waitsUntil)}`]),
  ]
  return `${stream}: ${parts.join(', ')} (keep ${keepText(keep)}; ${bytesText(result)})`
}

function bytesText({ survey, objects }: PruneResult): string {
  const sizeOf = (key: string) => survey.listed.get(key)?.sizeBytes ?? 0
  const sum = (keys: readonly string[]) =>
    formatBytes(keys.reduce((bytes, key) => bytes + sizeOf(key), 0))
  return `${sum([...survey.listed.keys()])} in packs, ${sum(objects.planned)} of them planned, ${sum(objects.gone)} go now`
}

/** The sentence for a plan that somebody has to agree to; undefined where there is none. */
export function stopText(
  stream: string,
  { decision: { stopped } }: PruneResult,
): string | undefined {
  if (stopped === undefined) return undefined
  return `${stream}: the plan would remove ${stopped.versions} of the ${stopped.of} versions that can be restored now, so nothing is planned: look at it with --dry-run, and if that is what you want, run holdfast prune ${stream} --confirm ${stopped.versions}`
}

export function resultJson(stream: string, result: PruneResult) {
  const { decision, objects, swept, keep } = result
  return {
    stream,
    keep,
    kept: decision.kept.size,
    planned: decision.planned.size,
    waitsUntil: decision.waitsUntil?.toISOString() ?? null,
    stopped: decision.stopped ?? null,
    objects: { planned: objects.planned, gone: objects.gone, compacted: objects.compacted },
    removed: swept ?? null,
    versions: versionLines(result).map(({ modifiedAt, ...line }) => ({
      ...line,
      time: modifiedAt.toISOString(),
    })),
  }
}

/** A restore's plan and outcome, as text and as JSON. Pure. */
import type { RestorePlan } from '../agent/restore/restore-plan.ts'
import type { RestoreResult } from '../agent/restore/restorer.ts'
import type { Layout } from '../agent/volume/layout.ts'
import { displayPath, locationOf } from '../agent/volume/layout.ts'
import type { Manifest } from '../shared/repository/manifest.ts'
import type { StreamName } from '../shared/stream-name.ts'
import { formatStreamName } from '../shared/stream-name.ts'
import type { FoundVersion } from './repository.ts'
import { firstLines, printablePath } from './text/names.ts'
import { formatBytes, formatCount } from './text/sizes.ts'
import { formatTime } from './text/times.ts'
import {
  faultJson,
  imagesText,
  missingLines,
  missingOf,
  sizeText,
  stateOf,
  versionJson,
} from './version-facts.ts'

export interface Restoration extends FoundVersion {
  readonly stream: StreamName
  readonly directory: string
  readonly layout: Layout
  readonly manifest: Manifest
  readonly plan: RestorePlan
}

const LIST_LINES = 20

export function planText(restoration: Restoration): string {
  const { record, modifiedAt, stream, directory, layout, manifest, plan } = restoration
  const removed = [...plan.obstacles, ...plan.extras]
  const links = plan.hardLinks.length + plan.symlinks.length
  const facts = [
    [
      'made',
      `${formatTime(modifiedAt)} by ${record.pod.name}, ${stateOf(record)}, ${sizeText(record)}`,
    ],
    ['tag', record.tag ?? ''],
    ['images', imagesText(record)],
    ['write', `${formatCount(plan.files.length, 'file')}, ${formatBytes(plan.writeBytes)}`],
    ['fetch', formatBytes(plan.fetchBytes)],
    ['link', links === 0 ? '' : formatCount(links, 'link')],
    ['remove', `${formatCount(removed.length, 'entry', 'entries')} that the version does not have`],
    ['leave', `${formatCount(plan.unchanged, 'entry', 'entries')} as they are`],
  ]
  return [
    `restore v${record.n} of ${formatStreamName(stream)} into ${printablePath(directory)}`,
    ...facts.filter(([, text]) => text !== '').map(([name, text]) => `  ${name?.padEnd(7)}${text}`),
    ...firstLines(
      removed.map(({ name }) => `  - ${printablePath(locationOf(layout, name))}`),
      LIST_LINES,
    ),
    ...partialText(restoration, missingLines(manifest.faults, record.roots)),
  ].join('\n')
}

function partialText({ record }: Restoration, missing: readonly string[]): string[] {
  if (record.complete) return []
  return [`v${record.n} is partial; missing, or kept as they were before:`, ...missing]
}

export function planJson({
  record,
  modifiedAt,
  stream,
  directory,
  manifest,
  plan,
  layout,
}: Restoration) {
  return {
    stream: formatStreamName(stream),
    directory,
    ...versionJson(record, modifiedAt),
    missing: missingOf(manifest.faults).map((fault) => faultJson(fault, record.roots)),
    plan: {
      writeFiles: plan.files.length,
      writeBytes: plan.writeBytes,
      fetchBytes: plan.fetchBytes,
      links: plan.hardLinks.length + plan.symlinks.length,
      remove: [...plan.obstacles, ...plan.extras].map(({ name }) => locationOf(layout, name)),
      unchanged: plan.unchanged,
    },
  }
}

export function resultText(
  { record, directory, plan }: Restoration,
  { lost, ownersLost, attributesLost, fetchedBytes }: RestoreResult & { fetchedBytes: number },
  seconds: number,
): string[] {
  const lines = [
    `restored v${record.n} into ${printablePath(directory)}: ${formatCount(plan.files.length - lost.length, 'file')} written, ${formatBytes(fetchedBytes)} received, ${seconds.toFixed(1)} s`,
  ]
  if (ownersLost.length > 0)
    lines.push(
      `${formatCount(ownersLost.length, 'entry', 'entries')} could not be given back to their owners: restore as root to keep them`,
    )
  if (attributesLost.length > 0)
    lines.push(
      `${formatCount(attributesLost.length, 'extended attribute')} could not be given back:`,
      ...firstLines(
        attributesLost.map(
          ({ name, attribute, why }) =>
            `  ${printablePath(displayPath(record.roots, name))}: ${printablePath(attribute)}${why === '' ? '' : `: ${why}`}`,
        ),
        LIST_LINES,
      ),
    )
  if (lost.length === 0) return lines
  return [
    ...lines,
    `${formatCount(lost.length, 'file')} could not be brought back, because the repository is damaged:`,
    ...firstLines(
      lost.map(({ name, why }) => `  ${printablePath(displayPath(record.roots, name))}: ${why}`),
      LIST_LINES,
    ),
  ]
}

export function resultJson(
  { record }: Restoration,
  { lost, ownersLost, attributesLost, fetchedBytes }: RestoreResult & { fetchedBytes: number },
) {
  return {
    fetchedBytes,
    lost: lost.map(({ name, why }) => ({ path: displayPath(record.roots, name), why })),
    ownersNotRestored: ownersLost.map((name) => displayPath(record.roots, name)),
    attributesNotRestored: attributesLost.map(({ name, attribute, why }) => ({
      path: displayPath(record.roots, name),
      attribute,
      why,
    })),
  }
}

/** `holdfast diff`: what differs between two versions, by the paths as people know them. */
import { displayPath } from '../agent/volume/layout.ts'
import type { Pin } from '../shared/pin.ts'
import { loadManifest } from '../shared/repository/version-object.ts'
import type { StreamName } from '../shared/stream-name.ts'
import { formatStreamName } from '../shared/stream-name.ts'
import type { Entry } from '../shared/repository/entry.ts'
import { EXIT } from './exit-codes.ts'
import type { Difference } from './entry-differences.ts'
import { differences } from './entry-differences.ts'
import type { FoundVersion, StreamInRepository } from './repository.ts'
import { findVersion, openStream } from './repository.ts'
import type { CommonOptions, Surroundings } from './surroundings.ts'
import { printablePath } from './text/names.ts'
import { formatBytes, formatCount } from './text/sizes.ts'

export interface DiffOptions extends CommonOptions {
  readonly stream: StreamName
  readonly from: Pin
  readonly to: Pin
}

export async function diff(options: DiffOptions, surroundings: Surroundings): Promise<number> {
  const { terminal } = surroundings
  const repository = await openStream(options, surroundings)
  const from = await findVersion(repository, options.from)
  const to = await findVersion(repository, options.to)
  const found = differences(
    await entriesByPath(repository, from),
    await entriesByPath(repository, to),
  )
  if (options.output === 'json')
    terminal.printJson({
      stream: formatStreamName(options.stream),
      from: from.record.n,
      to: to.record.n,
      ...summary(found),
      differences: found.map(differenceJson),
    })
  else {
    for (const difference of found) terminal.print(differenceText(difference))
    terminal.print(summaryText(from, to, found))
  }
  return EXIT.done
}

async function entriesByPath(
  { store, log }: StreamInRepository,
  { record }: FoundVersion,
): Promise<Map<string, Entry>> {
  const { entries } = await loadManifest(store, log, record.n)
  return new Map(
    [...entries.values()].map((entry) => [displayPath(record.roots, entry.name), entry]),
  )
}

const SIGNS = { added: '+', removed: '-', content: 'M', metadata: 'm' } as const

function differenceText({ path, kind, bytesBefore, bytesAfter }: Difference): string {
  const sizes =
    bytesBefore !== null && bytesAfter !== null && bytesBefore !== bytesAfter
      ? `${formatBytes(bytesBefore)} -> ${formatBytes(bytesAfter)}`
      : formatBytes(bytesAfter ?? bytesBefore ?? 0)
  const isFile = bytesBefore !== null || bytesAfter !== null
  return `${SIGNS[kind]} ${printablePath(path)}${isFile ? ` (${sizes})` : ''}`
}

function differenceJson({ path, kind, type, bytesBefore, bytesAfter }: Difference) {
  return { path, kind, type, bytesBefore, bytesAfter }
}

function summary(found: readonly Difference[]) {
  const count = (kind: Difference['kind']) => found.filter((other) => other.kind === kind).length
  return {
    added: count('added'),
    removed: count('removed'),
    contentChanged: count('content'),
    metadataChanged: count('metadata'),
  }
}

function summaryText(from: FoundVersion, to: FoundVersion, found: readonly Difference[]): string {
  const { added, removed, contentChanged, metadataChanged } = summary(found)
  const bytes = found.reduce(
    (sum, { bytesBefore, bytesAfter }) => sum + (bytesAfter ?? 0) - (bytesBefore ?? 0),
    0,
  )
  const balance = `${bytes < 0 ? '-' : '+'}${formatBytes(Math.abs(bytes))}`
  return `v${from.record.n} to v${to.record.n}: ${added} added (+), ${removed} removed (-), ${contentChanged} changed in content (M), ${formatCount(metadataChanged, 'in metadata only', 'in metadata only')} (m); ${balance}`
}

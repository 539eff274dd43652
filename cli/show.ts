/** `holdfast show`: everything about one version. */
import { displayPath } from '../agent/volume/layout.ts'
import type { Pin } from '../shared/pin.ts'
import type { Entry } from '../shared/repository/entry.ts'
import type { Manifest } from '../shared/repository/manifest.ts'
import type { StandingVerdict } from '../shared/repository/standing-verdict.ts'
import { standingVerdicts } from '../shared/repository/standing-verdict.ts'
import { loadManifest } from '../shared/repository/version-object.ts'
import type { StreamName } from '../shared/stream-name.ts'
import { formatStreamName } from '../shared/stream-name.ts'
import { EXIT } from './exit-codes.ts'
import type { FoundVersion } from './repository.ts'
import { findVersion, openStream } from './repository.ts'
import type { CommonOptions, Surroundings } from './surroundings.ts'
import { printablePath } from './text/names.ts'
import { formatBytes, formatCount } from './text/sizes.ts'
import { formatTable } from './text/table.ts'
import { formatTime } from './text/times.ts'
import { damageLines, verifiedJson, verifiedLine } from './verified-text.ts'
import {
  addedText,
  faultJson,
  faultLine,
  imagesText,
  stateOf,
  versionJson,
} from './version-facts.ts'

export interface ShowOptions extends CommonOptions {
  readonly stream: StreamName
  readonly version: Pin
  readonly files: boolean
}

export async function show(options: ShowOptions, surroundings: Surroundings): Promise<number> {
  const { terminal } = surroundings
  const from = await openStream(options, surroundings)
  const found = await findVersion(from, options.version)
  const { n } = found.record
  const manifest = await loadManifest(from.store, from.log, n)
  const verified = (await standingVerdicts(from.store, options.stream, [n], from.log.vaults)).get(n)
  if (options.output === 'json') {
    terminal.printJson(showJson(options, found, manifest, verified))
    return EXIT.done
  }
  terminal.print(showText(options.stream, found, manifest, verified))
  if (options.files && manifest.entries.size > 0)
    terminal.print(`\n${entriesTable(found, sortedEntries(manifest))}`)
  return EXIT.done
}

function showText(
  stream: StreamName,
  { record, modifiedAt }: FoundVersion,
  manifest: Manifest,
  verified: StandingVerdict | undefined,
): string {
  const { counts, pod } = record
  const facts: [string, string][] = [
    ['time', `${formatTime(modifiedAt)} (the server's)`],
    ['state', stateOf(record)],
    ['verified', verifiedLine(verified)],
    ['reason', record.reason],
    ['tag', record.tag ?? ''],
    ['line', `${record.branch ? 'branch' : 'main'}, lineage ${record.lineage}`],
    ['parent', record.parent === 0 ? 'none' : `v${record.parent}`],
    ['writer', `${pod.name}${pod.node === '' ? '' : ` on ${pod.node}`}, opened at v${record.open}`],
    [
      'paths',
      record.roots.map(({ path, as }) => (as === 'sqlite' ? `${path} (${as})` : path)).join(', '),
    ],
    ['images', imagesText(record)],
    ['template', record.templateHash ?? ''],
    [
      'holds',
      `${formatCount(counts.files, 'file')}, ${formatCount(counts.directories, 'directory', 'directories')}, ${formatCount(counts.symlinks, 'symbolic link')}, ${formatBytes(counts.bytes)}`,
    ],
    ['added', addedText(record)],
    ['manifest', manifestText(record.manifest)],
  ]
  return [
    `v${record.n} of ${formatStreamName(stream)}`,
    ...facts
      .filter(([, text]) => text !== '')
      .map(([name, text]) => `  ${name.padEnd(10)}${printablePath(text)}`),
    ...(manifest.faults.length > 0 ? ['not kept as it was:'] : []),
    ...manifest.faults.map((fault) => faultLine(fault, record.roots)),
    ...(verified === undefined ? [] : damageLines(verified)),
  ].join('\n')
}

function manifestText({ base, depth }: FoundVersion['record']['manifest']): string {
  return base === 0
    ? 'full'
    : `a delta against v${base}, ${formatCount(depth, 'step')} from a full one`
}

function showJson(
  { stream, files }: ShowOptions,
  { record, modifiedAt }: FoundVersion,
  manifest: Manifest,
  verified: StandingVerdict | undefined,
) {
  const { pod, writer, open, roots, templateHash, scannedAt } = record
  return {
    stream: formatStreamName(stream),
    ...versionJson(record, modifiedAt),
    verified: verifiedJson(verified, true),
    writer: { id: writer, open, pod },
    roots,
    templateHash,
    scannedAt,
    manifest: { base: record.manifest.base, depth: record.manifest.depth },
    notKept: manifest.faults.map((fault) => faultJson(fault, roots)),
    ...(files && { entries: sortedEntries(manifest).map((entry) => entryJson(entry, roots)) }),
  }
}

function sortedEntries({ entries }: Manifest): Entry[] {
  return [...entries.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1))
}

function entryJson(entry: Entry, roots: FoundVersion['record']['roots']) {
  return {
    path: displayPath(roots, entry.name),
    type: entry.type,
    mode: modeText(entry.mode),
    uid: entry.uid,
    gid: entry.gid,
    modifiedAt: timeOf(entry),
    ...(entry.type === 'file' && { bytes: entry.sizeBytes }),
    ...(entry.type === 'symlink' && { target: entry.target }),
    ...(entry.type === 'file' &&
      entry.hardLinkOf !== undefined && { hardLinkOf: displayPath(roots, entry.hardLinkOf) }),
    ...(entry.stale === true && { stale: true }),
  }
}

function entriesTable({ record }: FoundVersion, entries: readonly Entry[]): string {
  const rows = entries.map((entry) => [
    entry.type,
    modeText(entry.mode),
    `${entry.uid}:${entry.gid}`,
    entry.type === 'file' ? String(entry.sizeBytes) : '',
    timeOf(entry),
    entryText(entry, record.roots),
  ])
  return formatTable(
    ['TYPE', 'MODE', 'OWNER', 'BYTES', 'MODIFIED', 'PATH'],
    rows,
    new Set(['BYTES']),
  )
}

function entryText(entry: Entry, roots: FoundVersion['record']['roots']): string {
  const path = printablePath(displayPath(roots, entry.name))
  const stale = entry.stale === true ? ' (stale: could not be read)' : ''
  if (entry.type === 'symlink') return `${path} -> ${printablePath(entry.target)}${stale}`
  if (entry.type === 'file' && entry.hardLinkOf !== undefined)
    return `${path} = ${printablePath(displayPath(roots, entry.hardLinkOf))}${stale}`
  return path + stale
}

function modeText(mode: number): string {
  return mode.toString(8).padStart(4, '0')
}

/** Times that JavaScript cannot tell (a version may hold any) are told in seconds. */
function timeOf({ mtimeNs }: Entry): string {
  const time = new Date(Number(mtimeNs / 1_000_000n))
  return Number.isNaN(time.getTime()) ? `${mtimeNs / 1_000_000_000n} s` : time.toISOString()
}

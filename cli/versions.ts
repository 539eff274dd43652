/** `holdfast versions`: one stream's versions and restores, or all streams. */
import { WrongKeyError } from '../shared/encryption/wrong-key-error.ts'
import { CorruptObjectError, NewerFormatError } from '../shared/errors.ts'
import type { LogRecord } from '../shared/repository/log-record.ts'
import type { LoggedPrune } from '../shared/repository/prune-record.ts'
import { pruneFate, readPrune } from '../shared/repository/prune-record.ts'
import type { StandingVerdict } from '../shared/repository/standing-verdict.ts'
import { standingVerdicts } from '../shared/repository/standing-verdict.ts'
import { listTags } from '../shared/repository/tags.ts'
import type { LoggedNumber } from '../shared/repository/version-log.ts'
import type { StreamName } from '../shared/stream-name.ts'
import { formatStreamName } from '../shared/stream-name.ts'
import { EXIT } from './exit-codes.ts'
import { inOrder } from './in-order.ts'
import { listLog } from './log-listing.ts'
import type { StreamInRepository } from './repository.ts'
import { openStream } from './repository.ts'
import { allStreams } from './streams.ts'
import type { CommonOptions, Surroundings } from './surroundings.ts'
import { formatBytes } from './text/sizes.ts'
import { formatTable } from './text/table.ts'
import { formatTime } from './text/times.ts'
import { verifiedCell, verifiedJson } from './verified-text.ts'
import { addedText, imagesText, stateOf, versionJson } from './version-facts.ts'

export interface VersionsOptions extends CommonOptions {
  readonly stream?: StreamName
  readonly limit: number
}

/** A line of the list. */
type Row =
  | { readonly n: number; readonly modifiedAt: Date; readonly record: LogRecord }
  | {
      readonly n: number
      readonly modifiedAt: Date
      readonly state: 'damaged' | 'not readable here'
      readonly problem: string
    }

/** What lies beside the log and is told of its versions. */
interface Beside {
  readonly tags: ReadonlySet<string>
  readonly verdicts: ReadonlyMap<number, StandingVerdict>
  readonly prune: LoggedPrune | undefined
}

export async function versions(
  options: VersionsOptions,
  surroundings: Surroundings,
): Promise<number> {
  const { terminal } = surroundings
  const { stream } = options
  if (stream === undefined) return allStreams(options, surroundings)
  const from = await openStream({ ...options, stream }, surroundings)
  const listing = await listLog(from.store, stream)
  const rows: Row[] = []
  let more = false
  for await (const row of inOrder(listing.numbers, (number) => readRow(from, number))) {
    if ('record' in row && row.record.kind !== 'version' && row.record.kind !== 'restore') continue
    more = rows.length === options.limit
    if (more) break
    rows.push(row)
  }
  const beside: Beside = {
    tags: new Set(await listTags(from.store, stream)),
    verdicts: await standingVerdicts(
      from.store,
      stream,
      rows.map(({ n }) => n),
      from.log.vaults,
    ),
    prune: await readPrune(from.store, stream),
  }
  if (options.output === 'json')
    terminal.printJson({
      stream: formatStreamName(stream),
      versions: rows.map((row) => rowJson(row, beside)),
      more,
    })
  else {
    terminal.print(rowsTable(rows, beside))
    for (const row of rows) if ('problem' in row) terminal.note(`note: v${row.n}: ${row.problem}`)
    if (more) terminal.note(`older ones are not shown: --limit ${options.limit * 2} shows more`)
  }
  for (const key of listing.strays) terminal.note(`note: object ${key} belongs to no log`)
  return EXIT.done
}

async function readRow({ log }: StreamInRepository, number: LoggedNumber): Promise<Row> {
  const { n, modifiedAt } = number
  try {
    const found = await log.record(n)
    if (found !== undefined) return { n, modifiedAt, record: found.record }
    return { n, modifiedAt, state: 'damaged', problem: 'it was removed while it was read' }
  } catch (error) {
    if (error instanceof NewerFormatError || error instanceof WrongKeyError)
      return { n, modifiedAt, state: 'not readable here', problem: error.message }
    if (!(error instanceof CorruptObjectError)) throw error
    return { n, modifiedAt, state: 'damaged', problem: error.message }
  }
}

const HEADERS = [
  'VERSION',
  'TIME',
  'LINE',
  'REASON',
  'TAG',
  'STATE',
  'VERIFIED',
  'FILES',
  'SIZE',
  'ADDED',
  'IMAGES',
]

function rowsTable(rows: readonly Row[], beside: Beside): string {
  const cells = rows.map((row) => [
    `v${row.n}`,
    formatTime(row.modifiedAt),
    ...rowCells(row, beside),
  ])
  return formatTable(HEADERS, cells, new Set(['FILES', 'SIZE']))
}

function rowCells(row: Row, { tags, verdicts, prune }: Beside): string[] {
  if ('problem' in row) return ['', '', '', row.state]
  const { record } = row
  if (record.kind === 'restore') return ['main', restoreText(record)]
  if (record.kind !== 'version') return []
  return [
    record.branch ? 'branch' : 'main',
    record.reason,
    shownTag(record.tag, tags) ?? '',
    prunedText(prune, record.n) ?? stateOf(record),
    verifiedCell(verdicts.get(record.n)),
    String(record.counts.files),
    formatBytes(record.counts.bytes),
    addedText(record),
    imagesText(record),
  ]
}

/** Of versions that are restored no more; the objects of some stay, because others need them. */
function prunedText(prune: LoggedPrune | undefined, n: number): string | undefined {
  const fate = pruneFate(prune, n)?.fate
  return fate === 'planned' ? 'to be pruned' : fate === 'gone' ? 'pruned' : undefined
}

/** A restore is no version; it says what it brought back, and how to undo it. */
function restoreText(record: Extract<LogRecord, { kind: 'restore' }>): string {
  const what = record.resolved === 0 ? 'the empty state' : `v${record.resolved}`
  const back = record.left.head?.version ?? 0
  return `restore of ${what}${back === 0 ? '' : ` (way back v${back})`}`
}

/** The version is written first, its tag second: one whose tag was never written does not answer to it. */
function shownTag(tag: string | null, tags: ReadonlySet<string>): string | null {
  return tag !== null && tags.has(tag) ? tag : null
}

function rowJson(row: Row, { tags, verdicts, prune }: Beside) {
  const time = row.modifiedAt.toISOString()
  if ('problem' in row)
    return {
      kind: row.state === 'damaged' ? 'damaged' : 'notReadable',
      version: row.n,
      time,
      problem: row.problem,
    }
  const { record } = row
  if (record.kind === 'restore')
    return {
      kind: 'restore',
      version: row.n,
      time,
      line: 'main',
      lineage: record.lineage,
      restored: record.resolved === 0 ? null : record.resolved,
      wayBack: record.left.head?.version ?? null,
      request: record.request,
    }
  if (record.kind !== 'version') return { kind: record.kind, version: row.n, time }
  const facts = versionJson(record, row.modifiedAt)
  return {
    kind: 'version',
    ...facts,
    tag: shownTag(record.tag, tags),
    verified: verifiedJson(verdicts.get(record.n), false),
    pruned: pruneFate(prune, record.n)?.fate ?? null,
  }
}

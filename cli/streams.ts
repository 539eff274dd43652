/** All streams of a repository: the newest version of each, and whether somebody writes it. */
import { WrongKeyError } from '../shared/encryption/wrong-key-error.ts'
import { CorruptObjectError, NewerFormatError, NotFoundError } from '../shared/errors.ts'
import type { VersionRecord } from '../shared/repository/log-record.ts'
import { requireVersion } from '../shared/repository/version-object.ts'
import type { LoggedRecord } from '../shared/repository/version-log.ts'
import { VersionLog } from '../shared/repository/version-log.ts'
import { parseStreamName } from '../shared/stream-name.ts'
import { EXIT } from './exit-codes.ts'
import { inOrder } from './in-order.ts'
import type { OpenRepository } from './repository.ts'
import { listStreams, noRepository, openRepository } from './repository.ts'
import type { CommonOptions, Surroundings } from './surroundings.ts'
import { formatBytes } from './text/sizes.ts'
import { formatTable } from './text/table.ts'
import { formatTime } from './text/times.ts'
import { stateOf } from './version-facts.ts'

interface StreamRow {
  readonly stream: string
  readonly head: LoggedRecord | undefined
  /** The newest version of the main line, as it was logged. */
  readonly latest: { readonly record: VersionRecord; readonly modifiedAt: Date } | undefined
  /** Why its newest version cannot be told. */
  readonly problem:
    { readonly state: 'damaged' | 'not readable here'; readonly why: string } | undefined
}

export async function allStreams(
  options: CommonOptions,
  surroundings: Surroundings,
): Promise<number> {
  const repository = await openRepository(options, surroundings)
  const names = await listStreams(repository.store)
  if (names.length === 0) throw noRepository(repository.store)
  const rows: StreamRow[] = []
  for await (const row of inOrder(names, (name) => readStream(repository, name))) rows.push(row)
  if (options.output === 'json') surroundings.terminal.printJson({ streams: rows.map(streamJson) })
  else
    surroundings.terminal.print(
      formatTable(
        ['STREAM', 'LATEST', 'TIME', 'STATE', 'SIZE', 'WRITER'],
        rows.map(streamCells),
        new Set(['SIZE']),
      ),
    )
  return EXIT.done
}

async function readStream({ store, patience }: OpenRepository, stream: string): Promise<StreamRow> {
  const log = new VersionLog(store, parseStreamName(stream), patience)
  const row: StreamRow = { stream, head: undefined, latest: undefined, problem: undefined }
  try {
    const head = await log.head()
    const n = head?.record.log.head?.version ?? 0
    if (head === undefined || n === 0) return { ...row, head }
    const record = await requireVersion(log, n)
    const modifiedAt = (await log.record(n))?.modifiedAt ?? head.modifiedAt
    return { ...row, head, latest: { record, modifiedAt } }
  } catch (error) {
    return { ...row, problem: problemOf(error) }
  }
}

/** Damage, or a stream that needs another release or key; any other error ends the command. */
function problemOf(error: unknown): StreamRow['problem'] {
  if (error instanceof CorruptObjectError || error instanceof NotFoundError)
    return { state: 'damaged', why: error.message }
  if (error instanceof NewerFormatError || error instanceof WrongKeyError)
    return { state: 'not readable here', why: error.message }
  throw error
}

function writerOf({ head }: StreamRow): 'open' | 'closed' | null {
  const owner = head?.record.log.owner ?? null
  if (owner === null) return null
  return owner.closed ? 'closed' : 'open'
}

function streamCells(row: StreamRow): string[] {
  const { stream, latest, problem } = row
  if (problem !== undefined) return [stream, '', '', `${problem.state}: ${problem.why}`]
  if (latest === undefined) return [stream, 'none', '', '', '', writerOf(row) ?? '']
  const { record, modifiedAt } = latest
  return [
    stream,
    `v${record.n}`,
    formatTime(modifiedAt),
    stateOf(record),
    formatBytes(record.counts.bytes),
    writerOf(row) ?? '',
  ]
}

function streamJson(row: StreamRow) {
  const { stream, latest, problem } = row
  return {
    stream,
    latest: latest?.record.n ?? null,
    time: latest?.modifiedAt.toISOString() ?? null,
    state: latest === undefined ? null : stateOf(latest.record),
    bytes: latest?.record.counts.bytes ?? null,
    writer: writerOf(row),
    problem: problem?.why ?? null,
  }
}

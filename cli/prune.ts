/** `holdfast prune`: thins streams by their `keep`, in two passes a day apart. The only command that removes versions. */
import { WrongKeyError } from '../shared/encryption/wrong-key-error.ts'
import { CorruptObjectError, NotFoundError, UsageError } from '../shared/errors.ts'
import type { Keep } from '../shared/repository/log-record.ts'
import type { StreamName } from '../shared/stream-name.ts'
import { formatStreamName, parseStreamName } from '../shared/stream-name.ts'
import { EXIT } from './exit-codes.ts'
import { OvertakenError } from './overtaken-error.ts'
import { fateTable, resultJson, resultText, stopText } from './prune-report.ts'
import { namingRights } from './prune-rights.ts'
import { PRODUCTION } from './prune-steps.ts'
import type { PruneResult } from './prune-stream.ts'
import { pruneStream } from './prune-stream.ts'
import type { StreamInRepository } from './repository.ts'
import { listStreams, logOf, noRepository, openRepository } from './repository.ts'
import type { CommonOptions, Surroundings } from './surroundings.ts'

export interface PruneOptions extends CommonOptions {
  readonly stream?: StreamName
  readonly keep: Partial<Keep>
  readonly confirm?: number
  readonly dryRun: boolean
}

/** What became of one stream. */
interface Outcome {
  readonly stream: string
  readonly result: PruneResult | undefined
  readonly problem: string | undefined
  /** The problem kept nothing else from being done. */
  readonly isMinor: boolean
  /** Of the error that kept the stream from being looked at. */
  readonly exitCode?: number
}

export async function prune(options: PruneOptions, surroundings: Surroundings): Promise<number> {
  const { terminal } = surroundings
  if (options.confirm !== undefined && options.stream === undefined)
    throw new UsageError(
      '--confirm agrees to the plan of one stream: name the stream that the value was printed for',
    )
  const opened = await openRepository(options, surroundings)
  const repository = { ...opened, store: namingRights(opened.store) }
  const outcomes: Outcome[] = []
  for (const stream of await streamsOf(options, repository.store)) {
    const log = logOf(repository, stream, surroundings)
    const outcome = await pruneOne({ ...repository, log }, options, surroundings)
    outcomes.push(outcome)
    if (options.output === 'table') say(outcome, options, surroundings)
  }
  if (options.output === 'json')
    terminal.printJson({
      dryRun: options.dryRun,
      streams: outcomes.map(({ stream, result, problem }) => ({
        ...(result === undefined ? { stream } : resultJson(stream, result)),
        problem: problem ?? null,
      })),
    })
  for (const { problem } of outcomes)
    if (problem !== undefined) terminal.note(`holdfast: ${problem}`)
  if (options.dryRun) return EXIT.done
  if (outcomes.every(({ problem }) => problem === undefined)) return EXIT.done
  const failed = outcomes.filter(({ problem, isMinor }) => problem !== undefined && !isMinor)
  return failed.length === outcomes.length ? (failed[0]?.exitCode ?? EXIT.failed) : EXIT.partial
}

async function streamsOf(
  { stream }: PruneOptions,
  store: StreamInRepository['store'],
): Promise<StreamName[]> {
  if (stream !== undefined) return [stream]
  const names = await listStreams(store)
  if (names.length === 0) throw noRepository(store)
  return names.map(parseStreamName)
}

/** One stream that cannot be pruned does not keep the others from it; a store that refuses or is silent does. */
async function pruneOne(
  from: StreamInRepository,
  options: PruneOptions,
  { terminal }: Surroundings,
): Promise<Outcome> {
  const stream = formatStreamName(from.log.stream)
  if ((await from.log.numbers({ limit: 1 })).length === 0)
    throw new NotFoundError(
      `the repository at ${from.store.url} has no stream ${stream}: holdfast versions lists them`,
    )
  const order = { keep: options.keep, confirmed: options.confirm, dryRun: options.dryRun }
  try {
    const result = await pruneStream(from, order, PRODUCTION, (text) => {
      terminal.progress(`pruning ${stream}: ${text}`)
    })
    const stopped = stopText(stream, result)
    const problem = stopped ?? result.swept?.problems[0]
    return { stream, result, problem, isMinor: stopped === undefined }
  } catch (error) {
    const isOfStream =
      error instanceof CorruptObjectError ||
      error instanceof OvertakenError ||
      error instanceof WrongKeyError
    if (!isOfStream) throw error
    return {
      stream,
      result: undefined,
      problem: `${stream} is not pruned, and nothing is removed: ${error.message}`,
      isMinor: false,
      exitCode: error.exitCode,
    }
  }
}

function say({ stream, result }: Outcome, options: PruneOptions, { terminal }: Surroundings): void {
  if (result === undefined) return
  if (options.dryRun) terminal.print(fateTable(result))
  terminal.print(resultText(stream, result))
}

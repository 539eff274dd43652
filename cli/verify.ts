/**
 * `holdfast verify`: every record and manifest is recomputed, and every byte that versions refer to is read and rehashed,
 * or a random share of them. Nothing is trusted. What was found is recorded, so that `versions` can tell it.
 */
import { randomInt } from 'node:crypto'
import { WrongKeyError } from '../shared/encryption/wrong-key-error.ts'
import type { HoldfastError } from '../shared/errors.ts'
import { NewerFormatError, NotFoundError, UsageError } from '../shared/errors.ts'
import type { Pin } from '../shared/pin.ts'
import { KEYS_PREFIX, STREAMS_PREFIX } from '../shared/repository/object-keys.ts'
import type { StreamName } from '../shared/stream-name.ts'
import { formatStreamName, parseStreamName } from '../shared/stream-name.ts'
import { EXIT } from './exit-codes.ts'
import type { OpenRepository, StreamInRepository } from './repository.ts'
import {
  findNumber,
  listStreams,
  logOf,
  noRepository,
  openRepository,
  openStream,
} from './repository.ts'
import type { CommonOptions, Surroundings } from './surroundings.ts'
import type { Coverage } from './verify-coverage.ts'
import type { Recorded } from './verify-record.ts'
import { recordResult } from './verify-record.ts'
import { isSound, resultJson, resultText } from './verify-report.ts'
import type { StreamResult } from './verify-stream.ts'
import { verifyStream } from './verify-stream.ts'

export interface VerifyOptions extends CommonOptions {
  readonly stream?: StreamName
  readonly version?: Pin
  readonly all: boolean
  /** Percent. */
  readonly sample?: number
  readonly seed?: number
}

const MAX_SEED = 2 ** 32

export async function verify(options: VerifyOptions, surroundings: Surroundings): Promise<number> {
  const run = new VerifyRun(coverageOf(options), options, surroundings)
  const strays =
    options.stream === undefined
      ? await verifyAllStreams(options, surroundings, run)
      : await verifyOne({ ...options, stream: options.stream }, surroundings, run)
  return run.end(strays)
}

function coverageOf({ stream, version, all, sample, seed }: VerifyOptions): Coverage {
  if (version !== undefined && stream === undefined)
    throw new UsageError('--version needs --stream: each stream numbers its versions by itself')
  if (all && sample !== undefined)
    throw new UsageError('--all reads every byte and --sample a share of them: choose one')
  if (seed !== undefined && sample === undefined)
    throw new UsageError('--seed repeats the choice of a --sample: say which share')
  return { percent: sample ?? 100, seed: seed ?? randomInt(MAX_SEED) }
}

/** What was found so far, in all streams. */
class VerifyRun {
  readonly #coverage: Coverage
  readonly #isJson: boolean
  readonly #surroundings: Surroundings
  readonly #results: { readonly result: StreamResult; readonly recorded: Recorded }[] = []
  readonly #notChecked: { readonly stream: string; readonly error: HoldfastError }[] = []

  constructor(coverage: Coverage, { output }: VerifyOptions, surroundings: Surroundings) {
    this.#coverage = coverage
    this.#isJson = output === 'json'
    this.#surroundings = surroundings
  }

  /** A stream that a newer release wrote, or that is sealed with another key, is not judged: neither sound nor damaged. */
  async verify(from: StreamInRepository, only: number | undefined): Promise<void> {
    const { terminal } = this.#surroundings
    try {
      const result = await verifyStream(from, only, this.#coverage, terminal)
      const recorded = await recordResult(from, result)
      this.#results.push({ result, recorded })
      if (!this.#isJson) terminal.print(resultText(result))
      if (recorded !== undefined && 'problem' in recorded)
        terminal.note(
          `note: the verdict on ${result.stream} could not be recorded: ${recorded.problem}`,
        )
    } catch (error) {
      if (!(error instanceof NewerFormatError || error instanceof WrongKeyError)) throw error
      const stream = formatStreamName(from.log.stream)
      this.#notChecked.push({ stream, error })
      terminal.note(`holdfast: ${stream} cannot be verified: ${error.message}`)
    }
  }

  /** Prints what is left to say. */
  end(strays: readonly string[]): number {
    const { terminal } = this.#surroundings
    const sound = this.#results.every(({ result }) => isSound(result))
    const notChecked = this.#notChecked
    if (this.#isJson)
      terminal.printJson({
        sound: sound && notChecked.length === 0,
        streams: this.#results.map(({ result, recorded }) => resultJson(result, recorded)),
        notChecked: notChecked.map(({ stream, error }) => ({ stream, why: error.message })),
        strays,
      })
    for (const key of strays) terminal.note(`note: object ${key} belongs to no stream`)
    if (!sound) return EXIT.partial
    return notChecked[0]?.error.exitCode ?? EXIT.done
  }
}

async function verifyOne(
  options: VerifyOptions & { readonly stream: StreamName },
  surroundings: Surroundings,
  run: VerifyRun,
): Promise<string[]> {
  const from = await openStream(options, surroundings)
  const { version } = options
  await run.verify(from, version === undefined ? undefined : await findNumber(from, version))
  return []
}

/** All streams, one after the other. Returns the keys that belong to none. */
async function verifyAllStreams(
  options: VerifyOptions,
  surroundings: Surroundings,
  run: VerifyRun,
): Promise<string[]> {
  const repository = await openRepository(options, surroundings)
  const names = await listStreams(repository.store)
  const strays = await straysOf(repository, names)
  if (names.length === 0)
    throw strays.length === 0 ? noRepository(repository.store) : onlyStrays(repository, strays)
  for (const name of names) {
    const log = logOf(repository, parseStreamName(name), surroundings)
    await run.verify({ ...repository, log }, undefined)
  }
  return strays
}

async function straysOf({ store }: OpenRepository, names: readonly string[]): Promise<string[]> {
  const prefixes = new Set(names)
  const objects = await store.list('')
  return objects.flatMap(({ key }) =>
    key.startsWith(KEYS_PREFIX) || prefixes.has(streamOfKey(key)) ? [] : key,
  )
}

/** The first three parts below `v1/streams/`. */
function streamOfKey(key: string): string {
  if (!key.startsWith(STREAMS_PREFIX)) return ''
  return key.slice(STREAMS_PREFIX.length).split('/').slice(0, 3).join('/')
}

function onlyStrays({ store }: OpenRepository, strays: readonly string[]): NotFoundError {
  return new NotFoundError(
    `there is no repository at ${store.url}: it holds ${strays.length} object(s), the first is ${strays[0]}, and none is of a stream`,
  )
}

/** `holdfast verify`: every byte that versions refer to is read and rehashed, every record recomputed. Nothing is trusted. */
import { NotFoundError, UsageError } from '../shared/errors.ts'
import type { Pin } from '../shared/pin.ts'
import { STREAMS_PREFIX } from '../shared/repository/object-keys.ts'
import { VersionLog } from '../shared/repository/version-log.ts'
import type { StreamName } from '../shared/stream-name.ts'
import { parseStreamName } from '../shared/stream-name.ts'
import { EXIT } from './exit-codes.ts'
import type { OpenRepository } from './repository.ts'
import { findVersion, listStreams, noRepository, openRepository, openStream } from './repository.ts'
import type { CommonOptions, Surroundings } from './surroundings.ts'
import { isSound, resultJson, resultText } from './verify-report.ts'
import type { StreamResult } from './verify-stream.ts'
import { verifyStream } from './verify-stream.ts'

export interface VerifyOptions extends CommonOptions {
  readonly stream?: StreamName
  readonly version?: Pin
}

export async function verify(options: VerifyOptions, surroundings: Surroundings): Promise<number> {
  const { terminal } = surroundings
  const { stream, version } = options
  if (version !== undefined && stream === undefined)
    throw new UsageError('--version needs --stream: each stream numbers its versions by itself')
  const results: StreamResult[] = []
  const say = (result: StreamResult) => {
    results.push(result)
    if (options.output === 'table') terminal.print(resultText(result))
  }
  let strays: string[] = []
  if (stream === undefined) strays = await verifyAll(options, surroundings, say)
  else {
    const from = await openStream({ ...options, stream }, surroundings)
    const only = version === undefined ? undefined : (await findVersion(from, version)).record.n
    say(await verifyStream(from, only, terminal))
  }
  const sound = results.every(isSound)
  if (options.output === 'json')
    terminal.printJson({ sound, streams: results.map(resultJson), strays })
  for (const key of strays) terminal.note(`note: object ${key} belongs to no stream`)
  return sound ? EXIT.done : EXIT.failed
}

/** All streams, one after the other. Returns the keys that belong to none. */
async function verifyAll(
  options: VerifyOptions,
  surroundings: Surroundings,
  say: (result: StreamResult) => void,
): Promise<string[]> {
  const repository = await openRepository(options, surroundings)
  const names = await listStreams(repository.store)
  const strays = await straysOf(repository, names)
  if (names.length === 0)
    throw strays.length === 0 ? noRepository(repository.store) : onlyStrays(repository, strays)
  for (const name of names) {
    const log = new VersionLog(repository.store, parseStreamName(name), repository.patience)
    say(await verifyStream({ ...repository, log }, undefined, surroundings.terminal))
  }
  return strays
}

async function straysOf({ store }: OpenRepository, names: readonly string[]): Promise<string[]> {
  const prefixes = new Set(names)
  const objects = await store.list('')
  return objects.flatMap(({ key }) => (prefixes.has(streamOfKey(key)) ? [] : key))
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

/** How a command comes to a stream, and to the version that it was asked for. */
import { closest, distance } from 'fastest-levenshtein'
import { systemClock } from '../shared/clock.ts'
import { readKeyEncryptionKey } from '../shared/encryption/key-encryption-key.ts'
import { openKeyring } from '../shared/encryption/keyring.ts'
import { StreamVaults } from '../shared/encryption/stream-vaults.ts'
import { NotFoundError, UsageError } from '../shared/errors.ts'
import { AccessDeniedError, type ObjectStore } from '../shared/object-store/object-store.ts'
import { openStore } from '../shared/object-store/open-store.ts'
import type { Patience } from '../shared/patience.ts'
import type { Pin } from '../shared/pin.ts'
import type { VersionRecord } from '../shared/repository/log-record.ts'
import { STREAMS_PREFIX } from '../shared/repository/object-keys.ts'
import { resolvePin } from '../shared/repository/resolve-pin.ts'
import { VersionLog, requireOpened } from '../shared/repository/version-log.ts'
import type { StreamName } from '../shared/stream-name.ts'
import { formatStreamName, parseStreamName } from '../shared/stream-name.ts'
import type { Traffic } from './patient-store.ts'
import { patientStore } from './patient-store.ts'
import type { CommonOptions, Surroundings } from './surroundings.ts'

export interface OpenRepository {
  readonly store: ObjectStore
  readonly patience: Patience
}

export interface StreamInRepository extends OpenRepository {
  readonly log: VersionLog
}

/** A version with what only the server knows of it. */
export interface FoundVersion {
  readonly record: VersionRecord
  readonly modifiedAt: Date
}

export async function openRepository(
  options: Pick<CommonOptions, 'store' | 'timeout'>,
  { terminal, signals }: Surroundings,
  traffic?: Traffic,
): Promise<OpenRepository> {
  const patience: Patience = {
    clock: systemClock,
    giveUpAfterMs: options.timeout,
    signal: signals.stopped,
    onRetry: (error) => {
      terminal.progress(`waiting for the store: ${error.message}`)
    },
  }
  const store = patientStore(await openStore(options.store), patience, signals, traffic)
  return { store, patience }
}

/** A stream that has a log. Throws `NotFoundError` for one that has none, naming what there is. */
export async function openStream(
  options: Pick<CommonOptions, 'store' | 'timeout'> & { stream: StreamName },
  surroundings: Surroundings,
): Promise<StreamInRepository> {
  const repository = await openRepository(options, surroundings)
  const log = logOf(repository, options.stream, surroundings)
  const [newest] = await log.numbers({ limit: 1 })
  if (newest === undefined) throw await noSuchStream(repository.store, options.stream)
  return { ...repository, log }
}

/** Opens what is sealed with the key of the stream's namespace, which is looked for when it is needed first. */
export function logOf(
  { store, patience }: OpenRepository,
  stream: StreamName,
  { environment }: Pick<Surroundings, 'environment'>,
): VersionLog {
  const openKey = async () =>
    openKeyring(store, stream.namespace, readKeyEncryptionKey(environment, 'HOLDFAST_KEY'))
  return new VersionLog(store, stream, patience, new StreamVaults(stream, openKey))
}

async function noSuchStream(store: ObjectStore, stream: StreamName): Promise<NotFoundError> {
  const streams = await listedStreams(store)
  if (streams?.length === 0) return noRepository(store)
  const name = formatStreamName(stream)
  return new NotFoundError(
    `the repository at ${store.url} has no stream ${name}; ${adviceOf(name, streams)}`,
  )
}

function adviceOf(name: string, streams: readonly string[] | undefined): string {
  if (streams === undefined) return 'these credentials may not list which others there are'
  const near = closest(name, streams)
  return distance(name, near) <= 3 ? `did you mean ${near}?` : `it has ${listed(streams)}`
}

/** Undefined: whoever has the rights of one namespace only may not know of the others. */
async function listedStreams(store: ObjectStore): Promise<string[] | undefined> {
  try {
    return await listStreams(store)
  } catch (error) {
    if (error instanceof AccessDeniedError) return undefined
    throw error
  }
}

function listed(streams: readonly string[]): string {
  const more = streams.length > 5 ? ` and ${streams.length - 5} more` : ''
  return streams.slice(0, 5).join(', ') + more
}

export function noRepository(store: ObjectStore): NotFoundError {
  return new NotFoundError(
    `there is no repository at ${store.url}: nothing was ever replicated there, or the URL is another one`,
  )
}

/** The names of all streams, sorted. Folders that cannot be a stream's are passed over. */
export async function listStreams(store: ObjectStore): Promise<string[]> {
  const names: string[] = []
  for (const namespace of await store.folders(STREAMS_PREFIX))
    for (const app of await store.folders(`${STREAMS_PREFIX}${namespace}/`))
      for (const slot of await store.folders(`${STREAMS_PREFIX}${namespace}/${app}/`))
        names.push(`${namespace}/${app}/${slot}`)
  return names.filter(isStreamName)
}

function isStreamName(text: string): boolean {
  try {
    parseStreamName(text)
    return true
  } catch {
    return false // somebody else's folder
  }
}

/** The number of the version that a pin names, for which no key is needed. Throws `NotFoundError` when it names none. */
export async function findNumber({ store, log }: StreamInRepository, pin: Pin): Promise<number> {
  if (pin.kind === 'fresh')
    throw new UsageError('"fresh" is no version but the lack of one: name one that is there')
  const n = await resolvePin(store, log, pin)
  if (n === 0) throw nothingFor(log, pin)
  return n
}

/** The version that a pin names, opened. Throws `NotFoundError` when it names none, `WrongKeyError` when it is sealed with another key. */
export async function findVersion(from: StreamInRepository, pin: Pin): Promise<FoundVersion> {
  const { log } = from
  const n = await findNumber(from, pin)
  const { record, modifiedAt } = await requireOpened(log, n)
  if (record.kind !== 'version') throw nothingFor(log, pin)
  return { record, modifiedAt }
}

function nothingFor(log: VersionLog, pin: Pin): NotFoundError {
  const stream = formatStreamName(log.stream)
  return new NotFoundError(
    pin.kind === 'time'
      ? `stream ${stream} has no complete version that is not after ${pin.time.toISOString()}; holdfast versions lists what is there`
      : `stream ${stream} has no version yet`,
  )
}

/** Which streams of a namespace are encrypted: what the newest version of each says, and whether the key opens it. */
import * as v from 'valibot'
import { CorruptObjectError } from '../shared/errors.ts'
import type { Keyring } from '../shared/encryption/keyring.ts'
import { keyIdOfHeader } from '../shared/encryption/sealed-header.ts'
import { WrongKeyError } from '../shared/encryption/wrong-key-error.ts'
import type { ObjectStore } from '../shared/object-store/object-store.ts'
import { STREAMS_PREFIX, versionKey } from '../shared/repository/object-keys.ts'
import { readHeader } from '../shared/repository/object-file.ts'
import { VersionLog } from '../shared/repository/version-log.ts'
import type { StreamName } from '../shared/stream-name.ts'
import { formatStreamName, streamPartProblem } from '../shared/stream-name.ts'
import { inOrder } from './in-order.ts'
import type { OpenRepository } from './repository.ts'

export interface SealedStream {
  readonly stream: string
  /** The newest version of the main line; null: none yet. */
  readonly latest: number | null
  /** The id of the key that it is sealed with; null: in clear. */
  readonly key: string | null
  readonly state: 'sound' | 'another key' | 'damaged'
  readonly problem: string | null
}

/** All streams of a namespace, sorted by name. */
export async function sealedStreams(
  repository: OpenRepository,
  namespace: string,
  keyring: Keyring,
): Promise<SealedStream[]> {
  const names = await streamsOf(repository.store, namespace)
  const rows: SealedStream[] = []
  for await (const row of inOrder(names, (name) => look(repository, name, keyring))) rows.push(row)
  return rows
}

async function streamsOf(store: ObjectStore, namespace: string): Promise<StreamName[]> {
  const names: StreamName[] = []
  for (const app of await store.folders(`${STREAMS_PREFIX}${namespace}/`))
    for (const slot of await store.folders(`${STREAMS_PREFIX}${namespace}/${app}/`))
      if (streamPartProblem(app) === undefined && streamPartProblem(slot) === undefined)
        names.push({ namespace, app, slot })
  return names
}

async function look(
  { store, patience }: OpenRepository,
  name: StreamName,
  keyring: Keyring,
): Promise<SealedStream> {
  const row: SealedStream = {
    stream: formatStreamName(name),
    latest: null,
    key: null,
    state: 'sound',
    problem: null,
  }
  const [newest] = await new VersionLog(store, name, patience).numbers({ limit: 1 })
  if (newest === undefined) return row
  try {
    const latest = await latestOf(store, versionKey(name, newest.n))
    if (latest === 0) return row
    const object = versionKey(name, latest)
    const header = (await readHeader(store, object))?.header
    const key = keyIdOfHeader(header) ?? null
    const found = { ...row, latest, key }
    return { ...found, ...problemOf(name, object, header, found, keyring) }
  } catch (error) {
    if (!(error instanceof CorruptObjectError)) throw error
    return { ...row, state: 'damaged', problem: error.message }
  }
}

const HeadSchema = v.looseObject({
  log: v.looseObject({ head: v.nullable(v.looseObject({ version: v.number() })) }),
})

/** The version that a record calls the newest; 0: none. Said in clear, whatever is sealed. */
async function latestOf(store: ObjectStore, key: string): Promise<number> {
  const header = (await readHeader(store, key))?.header
  if (v.is(HeadSchema, header)) return header.log.head?.version ?? 0
  throw new CorruptObjectError(key, 'its header does not say what is the newest version')
}

function problemOf(
  name: StreamName,
  object: string,
  header: unknown,
  { key }: Pick<SealedStream, 'key'>,
  keyring: Keyring,
): Pick<SealedStream, 'state' | 'problem'> {
  try {
    keyring.vault(name, key ?? undefined).openHeader(object, header)
    return { state: 'sound', problem: null }
  } catch (error) {
    if (error instanceof WrongKeyError) return { state: 'another key', problem: error.message }
    if (error instanceof CorruptObjectError) return { state: 'damaged', problem: error.message }
    throw error
  }
}

/** A hold keeps one version from prune for as long as it is there. It is written first, and then the plan is read. */
import * as v from 'valibot'
import { CorruptObjectError } from '../errors.ts'
import type { ObjectStore } from '../object-store/object-store.ts'
import type { StreamName } from '../stream-name.ts'
import { formatStreamName } from '../stream-name.ts'
import { FORMAT } from './log-record.ts'
import { holdKey, holdsPrefix, numberOfHoldKey } from './object-keys.ts'
import { decodeHeader, encodeObject } from './object-file.ts'

export const HoldSchema = v.object({
  format: v.literal(FORMAT),
  kind: v.literal('hold'),
  stream: v.string(),
  version: v.pipe(v.number(), v.integer(), v.minValue(1)),
  /** Why, in somebody's words; empty: not said. */
  note: v.pipe(v.string(), v.maxLength(4096)),
})

export interface Hold {
  readonly version: number
  readonly note: string
  /** The server's time. */
  readonly since: Date
}

/** The versions held now, as a listing shows them. */
export async function heldVersions(store: ObjectStore, stream: StreamName): Promise<Set<number>> {
  const objects = await store.list(holdsPrefix(stream))
  return new Set(objects.flatMap(({ key }) => numberOfHoldKey(key) ?? []))
}

/** All holds of a stream, by number. Throws `CorruptObjectError`. */
export async function listHolds(store: ObjectStore, stream: StreamName): Promise<Hold[]> {
  const holds: Hold[] = []
  for (const version of await heldVersions(store, stream)) {
    const hold = await readHold(store, stream, version)
    if (hold !== undefined) holds.push(hold) // else it was removed since it was listed
  }
  return holds.toSorted((a, b) => a.version - b.version)
}

async function readHold(
  store: ObjectStore,
  stream: StreamName,
  version: number,
): Promise<Hold | undefined> {
  const key = holdKey(stream, version)
  const object = await store.get(key)
  if (object === undefined) return undefined
  const result = v.safeParse(HoldSchema, decodeHeader(key, object.body))
  if (!result.success || result.output.version !== version)
    throw new CorruptObjectError(key, 'it does not say what is held, and why')
  return { version, note: result.output.note, since: object.modifiedAt }
}

/** `exists`: the version is held already, and the note stays what it was. */
export async function createHold(
  store: ObjectStore,
  stream: StreamName,
  version: number,
  note: string,
): Promise<'created' | 'exists'> {
  const header: v.InferOutput<typeof HoldSchema> = {
    format: FORMAT,
    kind: 'hold',
    stream: formatStreamName(stream),
    version,
    note,
  }
  return store.create(holdKey(stream, version), encodeObject([], header))
}

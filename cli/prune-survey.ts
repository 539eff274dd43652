/**
 * Everything that prune has to know of a stream before it decides: headers first, then what the versions' manifests need.
 * Memory: about 1 KB for each record of the log, and the names and frames of one version's entries.
 */
import { isDeepStrictEqual } from 'node:util'
import { NotFoundError } from '../shared/errors.ts'
import type { PackedFrame } from '../shared/repository/entry.ts'
import type { LogRecord, VersionRecord } from '../shared/repository/log-record.ts'
import { heldVersions } from '../shared/repository/holds.ts'
import { Places } from '../shared/repository/manifest-decoder.ts'
import type { Moved } from '../shared/repository/moved-pack.ts'
import { readMoved } from '../shared/repository/moved-pack.ts'
import { movedPrefix, packsPrefix, streamPrefix } from '../shared/repository/object-keys.ts'
import { listTags, readTag } from '../shared/repository/tags.ts'
import { readDelta } from '../shared/repository/version-object.ts'
import type { LoggedRecord } from '../shared/repository/version-log.ts'
import type { FrameSet, Need } from '../shared/retention/live-frames.ts'
import { LiveFrames, framesOf } from '../shared/retention/live-frames.ts'
import type { ListedPart } from '../shared/retention/object-plan.ts'
import { withBases } from '../shared/retention/used-objects.ts'
import { inOrder } from './in-order.ts'
import { OvertakenError } from './overtaken-error.ts'
import type { StreamInRepository } from './repository.ts'

export type OnProgress = (text: string) => void

export interface Survey {
  /** Every record, ascending. */
  readonly records: readonly LoggedRecord[]
  readonly held: ReadonlySet<number>
  readonly tags: ReadonlyMap<number, string>
  /** By `packs/<name>` and `moved/<name>`. */
  readonly listed: ReadonlyMap<string, ListedPart>
  /** Those that count: their frames are where they say. */
  readonly moves: ReadonlyMap<string, Moved>
}

/**
 * Throws `CorruptObjectError` when a header is damaged, `WrongKeyError` when the key is not at hand: nothing is removed
 * from a log that cannot all be read.
 */
export async function surveyStream(from: StreamInRepository, say: OnProgress): Promise<Survey> {
  const { store, log } = from
  const listed = await listParts(from)
  const numbers = (await log.numbers()).toReversed()
  const records: LoggedRecord[] = []
  for await (const found of inOrder(numbers, ({ n }) => log.openedRecord(n))) {
    // Else another prune has just removed it.
    if (found !== undefined) records.push(sharing(found, records.at(-1)))
    say(`reading the log: ${records.length} of ${numbers.length} records`)
  }
  return {
    records,
    held: await heldVersions(store, log.stream),
    tags: await readTags(from),
    listed,
    moves: await readMoves(from, listed),
  }
}

/** What most records have in common with the one before is kept once: a month of commits is half a million of them. */
function sharing(found: LoggedRecord, before: LoggedRecord | undefined): LoggedRecord {
  const { record } = found
  const last = before?.record
  if (last?.writer !== record.writer) return found
  const log = { ...record.log, owner: shared(record.log.owner, last.log.owner) }
  const common = { writer: last.writer, pod: shared(record.pod, last.pod), log }
  if (record.kind !== 'version' || last.kind !== 'version')
    return { ...found, record: { ...record, ...common } }
  const images = shared(record.images, last.images)
  const roots = shared(record.roots, last.roots)
  return { ...found, record: { ...record, ...common, images, roots } }
}

function shared<T>(value: T, before: T): T {
  return isDeepStrictEqual(value, before) ? before : value
}

async function listParts({ store, log }: StreamInRepository): Promise<Map<string, ListedPart>> {
  const prefix = streamPrefix(log.stream)
  const listed = new Map<string, ListedPart>()
  for (const folder of [packsPrefix(log.stream), movedPrefix(log.stream)])
    for (const { key, sizeBytes, modifiedAt } of await store.list(folder))
      if (/\/[0-9a-f]{32}$/.test(key))
        listed.set(key.slice(prefix.length), { sizeBytes, modifiedAt })
  return listed
}

async function readTags({ store, log }: StreamInRepository): Promise<Map<number, string>> {
  const tags = new Map<number, string>()
  for (const tag of await listTags(store, log.stream)) {
    const n = await readTag(store, log.stream, tag)
    if (n !== undefined) tags.set(n, tag)
  }
  return tags
}

/** A move whose new pack has gone, beside an old pack that is there, was undone: the old one is read. */
async function readMoves(
  { store, log }: StreamInRepository,
  listed: ReadonlyMap<string, ListedPart>,
): Promise<Map<string, Moved>> {
  const names = [...listed.keys()].flatMap((key) =>
    key.startsWith('moved/') ? key.slice('moved/'.length) : [],
  )
  const moves = new Map<string, Moved>()
  const read = inOrder(names, async (pack) => ({
    pack,
    moved: await readMoved(store, log.stream, pack),
  }))
  for await (const { pack, moved } of read) {
    if (moved === undefined) continue
    const isThere = listed.has(`packs/${moved.to}`) || listed.has(`moved/${moved.to}`)
    if (isThere || !listed.has(`packs/${pack}`)) moves.set(pack, moved)
  }
  return moves
}

/** The versions of a log by number. */
export function versionsOf(records: readonly { readonly record: LogRecord }[]) {
  const versions = new Map<number, VersionRecord>()
  for (const { record } of records) if (record.kind === 'version') versions.set(record.n, record)
  return versions
}

/**
 * What the manifests of versions need. One GET for each version that counts, and for each that one of those is told
 * against. Throws `CorruptObjectError` when one cannot be read.
 * @param needOf undefined: the version does not count.
 */
export async function framesNeeded(
  from: StreamInRepository,
  versions: ReadonlyMap<number, VersionRecord>,
  needOf: (n: number) => Need | undefined,
  say: OnProgress,
): Promise<Record<Need, FrameSet>> {
  const counting = [...versions.keys()].filter((n) => needOf(n) !== undefined)
  const all = withBases(versions, counting)
  const toldAgainst = Map.groupBy(
    [...all].toSorted((a, b) => a - b),
    (n) => versions.get(n)?.manifest.base ?? 0,
  )
  const live = new LiveFrames()
  const places = new Places()
  let read = 0
  const walk = async (base: number): Promise<void> => {
    const next = (toldAgainst.get(base) ?? []).flatMap((n) => versions.get(n) ?? [])
    const manifests = inOrder(next, async (record) => ({
      record,
      said: await told(from, record, places),
    }))
    for await (const { record, said } of manifests) {
      say(`reading manifests: ${(read += 1)} of ${all.size}`)
      live.enter()
      for (const [name, frames] of said) live.say(name, frames)
      const need = needOf(record.n)
      if (need !== undefined) live.count(need)
      await walk(record.n)
      live.leave()
    }
  }
  await walk(0)
  return live.frames
}

type Told = [name: string, frames: readonly PackedFrame[]][]

/** What a version's own manifest says: of each name that it has or lacks, the frames. Throws `OvertakenError` when it has gone. */
async function told(
  { store, log }: StreamInRepository,
  record: VersionRecord,
  places: Places,
): Promise<Told> {
  const said: Told = []
  try {
    for await (const lines of readDelta(store, log, record, places))
      for (const line of lines)
        if (line.kind === 'entry') said.push([line.entry.name, framesOf(line.entry)])
        else if (line.kind === 'gone') said.push([line.name, []])
    return said
  } catch (error) {
    if (!(error instanceof NotFoundError)) throw error
    throw new OvertakenError({ cause: error }) // nobody else removes versions
  }
}

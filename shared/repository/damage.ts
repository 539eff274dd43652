/**
 * Notices of damage: what `verify` found to be lost in one object (a pack, or a version with the bytes in it), so that
 * an agent that still has the files ships them again. A notice is never taken back; once no version of the head refers
 * to what it names, it asks for nothing more.
 */
import * as v from 'valibot'
import { CorruptObjectError } from '../errors.ts'
import type { ObjectStore } from '../object-store/object-store.ts'
import type { StreamName } from '../stream-name.ts'
import { formatStreamName } from '../stream-name.ts'
import type { Entry, StoredChunk } from './entry.ts'
import { isHole } from './entry.ts'
import { FORMAT } from './log-record.ts'
import { decodeHeader, encodeObject, sha256Hex } from './object-file.ts'
import { damagedKey, damagedPrefix, packOfDamagedKey } from './object-keys.ts'

const Count = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(Number.MAX_SAFE_INTEGER))

export const DamageSchema = v.object({
  format: v.literal(FORMAT),
  kind: v.literal('damage'),
  stream: v.string(),
  /** The object, as chunks name it: a pack, or `v<n>`. */
  pack: v.string(),
  /** Nothing of it can be had. */
  gone: v.boolean(),
  /** Of a version: its header or manifest cannot be read, or one that it is told against. */
  manifest: v.boolean(),
  /** Offsets of frames that do not decode. */
  frames: v.array(Count),
  /** Chunks that do not match their id, in frames that decode: `[frame's offset, start in the frame, id]`. */
  chunks: v.array(v.tuple([Count, Count, v.string()])),
})
export type DamageNotice = Omit<v.InferOutput<typeof DamageSchema>, 'format' | 'kind' | 'stream'>

/** What is known to be lost in one object. */
export interface DamagedObject {
  readonly gone: boolean
  readonly manifest: boolean
  /** Offsets of frames. */
  readonly frames: ReadonlySet<number>
  /** `<frame's offset>+<start in the frame>`. */
  readonly chunks: ReadonlySet<string>
}

/** By pack, as chunks name it; `v<n>` for the object of a version. */
export type Damage = ReadonlyMap<string, DamagedObject>

/** Notes what is lost in one object. The same finding again changes nothing. */
export async function recordDamage(
  store: ObjectStore,
  stream: StreamName,
  notice: DamageNotice,
): Promise<void> {
  const header = { format: FORMAT, kind: 'damage', stream: formatStreamName(stream), ...notice }
  const digest = sha256Hex(Buffer.from(JSON.stringify(header))).slice(0, 16)
  await store.create(damagedKey(stream, notice.pack, digest), encodeObject([], header))
}

/** All notices of a stream: one LIST, and a GET for each. Empty for a stream without damage. */
export async function readDamage(store: ObjectStore, stream: StreamName): Promise<Damage> {
  const damage = new Map<string, DamagedObject>()
  for (const { key } of await store.list(damagedPrefix(stream))) {
    const pack = packOfDamagedKey(key)
    if (pack === undefined) continue // somebody else's object
    const notice = await readNotice(store, stream, key, pack)
    const known = damage.get(pack)
    damage.set(pack, {
      gone: notice.gone || known?.gone === true,
      manifest: notice.manifest || known?.manifest === true,
      frames: new Set([...(known?.frames ?? []), ...notice.frames]),
      chunks: new Set([
        ...(known?.chunks ?? []),
        ...notice.chunks.map(([offset, start]) => `${offset}+${start}`),
      ]),
    })
  }
  return damage
}

/** A notice that cannot be read still says by its key what is damaged: all of that is taken for lost. */
async function readNotice(
  store: ObjectStore,
  stream: StreamName,
  key: string,
  pack: string,
): Promise<DamageNotice> {
  try {
    const object = await store.get(key)
    if (object === undefined) throw new CorruptObjectError(key, 'it is not there any more')
    const result = v.safeParse(DamageSchema, decodeHeader(key, object.body))
    if (
      result.success &&
      result.output.pack === pack &&
      result.output.stream === formatStreamName(stream)
    )
      return result.output
    throw new CorruptObjectError(key, `it does not say what is lost in ${pack}`)
  } catch (error) {
    if (!(error instanceof CorruptObjectError)) throw error
    return { pack, gone: true, manifest: true, frames: [], chunks: [] }
  }
}

/** Where this chunk lies, its bytes are lost: nothing new may refer to it there. */
export function isDamaged(damage: Damage, { frame, start }: StoredChunk): boolean {
  const found = damage.get(frame.pack)
  if (found === undefined) return false
  return (
    found.gone || found.frames.has(frame.offset) || found.chunks.has(`${frame.offset}+${start}`)
  )
}

/** Versions whose manifest is lost: no delta may be told against them. */
export function versionsWithoutManifest(damage: Damage): Set<number> {
  const found = [...damage].filter(([pack, { manifest }]) => manifest && pack.startsWith('v'))
  return new Set(found.map(([pack]) => Number(pack.slice(1))))
}

/** Names of the files whose bytes are lost: to be read again, and shipped anew. */
export function withoutDamaged(entries: Iterable<Entry>, damage: Damage): Set<string> {
  const names = new Set<string>()
  if (damage.size === 0) return names
  for (const entry of entries) if (usesDamaged(entry, damage)) names.add(entry.name)
  return names
}

/** Bytes of this entry are lost. */
export function usesDamaged(entry: Entry, damage: Damage): boolean {
  if (damage.size === 0 || entry.type !== 'file') return false
  return entry.chunks.some((chunk) => !isHole(chunk) && isDamaged(damage, chunk))
}

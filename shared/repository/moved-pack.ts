/**
 * Where the frames of a compacted pack lie now. No object is overwritten and no manifest changes: prune copies the
 * frames that are still needed, as they are stored, into a new pack, says so under `moved/<old pack>`, and only then
 * removes the old one. A reader that finds a pack gone looks there.
 */
import * as v from 'valibot'
import { CorruptObjectError } from '../errors.ts'
import type { ObjectStore } from '../object-store/object-store.ts'
import type { StreamName } from '../stream-name.ts'
import { formatStreamName } from '../stream-name.ts'
import { FORMAT } from './log-record.ts'
import { movedKey } from './object-keys.ts'
import { decodeHeader, encodeObject } from './object-file.ts'

/** A pack is compacted when less than half of it is needed, so it halves each time; this is never reached. */
export const MAX_MOVES = 32

const Count = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(Number.MAX_SAFE_INTEGER))
const PackName = v.pipe(v.string(), v.regex(/^[0-9a-f]{32}$/))
export const MovedSchema = v.object({
  format: v.literal(FORMAT),
  kind: v.literal('moved'),
  stream: v.string(),
  pack: PackName,
  to: PackName,
  /** `[offset in the old pack, offset in the new one]` of each frame that was needed. */
  frames: v.array(v.tuple([Count, Count])),
})

/** Where a pack's frames lie now: in pack `to`, by their offset in the old one. Frames that no version needs are not there. */
export interface Moved {
  readonly to: string
  readonly offsets: ReadonlyMap<number, number>
}

/**
 * Where the frames of `pack` lie now, all moves since taken together; undefined when it was never moved. One GET for
 * each move and one more. The pack `to` may be moved on, and removed, right after: whoever finds that one gone asks
 * for it again. Throws `CorruptObjectError`.
 */
export async function locateMoved(
  store: ObjectStore,
  stream: StreamName,
  pack: string,
): Promise<Moved | undefined> {
  const moves = new Map<string, Moved>()
  for (let next = pack; moves.size <= MAX_MOVES;) {
    const moved = await readMoved(store, stream, next)
    if (moved === undefined) return followMoves(moves, pack)
    moves.set(next, moved)
    next = moved.to
  }
  throw new CorruptObjectError(
    movedKey(stream, pack),
    `its frames were moved more than ${MAX_MOVES} times`,
  )
}

/** As `locateMoved`, among moves that were read before. */
export function followMoves(moves: ReadonlyMap<string, Moved>, pack: string): Moved | undefined {
  let found = moves.get(pack)
  for (let count = 1; found !== undefined && count <= MAX_MOVES; count += 1) {
    const next = moves.get(found.to)
    if (next === undefined) break
    const offsets = [...found.offsets].flatMap(([from, between]): [number, number][] => {
      const to = next.offsets.get(between)
      return to === undefined ? [] : [[from, to]]
    })
    found = { to: next.to, offsets: new Map(offsets) }
  }
  return found
}

/** The last move of this very pack; undefined when there is none. */
export async function readMoved(
  store: ObjectStore,
  stream: StreamName,
  pack: string,
): Promise<Moved | undefined> {
  if (!v.is(PackName, pack)) return undefined // a version object: its frames are never moved
  const key = movedKey(stream, pack)
  const object = await store.get(key)
  if (object === undefined) return undefined
  const result = v.safeParse(MovedSchema, decodeHeader(key, object.body))
  if (
    !result.success ||
    result.output.pack !== pack ||
    result.output.to === pack ||
    result.output.stream !== formatStreamName(stream)
  )
    throw new CorruptObjectError(key, 'it does not say where the frames of this pack lie')
  return { to: result.output.to, offsets: new Map(result.output.frames) }
}

export function encodeMoved(stream: StreamName, pack: string, { to, offsets }: Moved): Buffer {
  const header: v.InferOutput<typeof MovedSchema> = {
    format: FORMAT,
    kind: 'moved',
    stream: formatStreamName(stream),
    pack,
    to,
    frames: [...offsets],
  }
  return encodeObject([], header)
}

/**
 * What prune is about to remove from a stream, and what it has removed: numbered objects, of which only the newest
 * counts. Pass one names versions as `planned`, and from then on they resolve no more. Pass two, a day later, writes
 * the next record: those that nothing protects by then are `gone` for good, the others resolve again. Only after that
 * is anything deleted, so that a run which breaks off is finished by the next one without deciding anything anew.
 */
import * as v from 'valibot'
import { CorruptObjectError, NotFoundError } from '../errors.ts'
import type { ObjectStore } from '../object-store/object-store.ts'
import type { NumberRange } from '../retention/number-ranges.ts'
import { rangeOf } from '../retention/number-ranges.ts'
import type { StreamName } from '../stream-name.ts'
import { formatStreamName } from '../stream-name.ts'
import { FORMAT, KeepSchema } from './log-record.ts'
import { numberOfPruneKey, pruneKey, prunePrefix } from './object-keys.ts'
import { decodeHeader, encodeObject } from './object-file.ts'

const Number1 = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(Number.MAX_SAFE_INTEGER))
const NamedSchema = v.object({
  /** Numbers as ranges `[first, last]`, ascending. */
  versions: v.array(v.tuple([Number1, Number1])),
  /** Packs that no version needs, and moves: keys below the stream's prefix. */
  objects: v.array(v.pipe(v.string(), v.regex(/^(packs|moved)\/[0-9a-f]{32}$/))),
})
export const PruneSchema = v.object({
  format: v.literal(FORMAT),
  kind: v.literal('prune'),
  stream: v.string(),
  k: Number1,
  /** Random: tells this body from another's that took the number. */
  id: v.string(),
  /** The policy that it was planned by. */
  keep: KeepSchema,
  planned: NamedSchema,
  gone: NamedSchema,
})

export type PruneRecord = v.InferOutput<typeof PruneSchema>

export interface LoggedPrune {
  readonly record: PruneRecord
  /** The server's time. */
  readonly at: Date
}

/** The newest prune record: what does not resolve, and since when. Undefined where nothing was ever pruned. Throws `CorruptObjectError`. */
export async function readPrune(
  store: ObjectStore,
  stream: StreamName,
): Promise<LoggedPrune | undefined> {
  for (;;) {
    const [newest] = await store.list(prunePrefix(stream), { limit: 1 })
    if (newest === undefined) return undefined
    const object = await store.get(newest.key)
    if (object === undefined) continue // a newer one has come since, and this one was removed
    return { record: parsePrune(newest.key, object.body, stream), at: object.modifiedAt }
  }
}

function parsePrune(key: string, object: Buffer, stream: StreamName): PruneRecord {
  const k = numberOfPruneKey(key)
  const result = v.safeParse(PruneSchema, decodeHeader(key, object))
  if (
    result.success &&
    result.output.k === k &&
    result.output.stream === formatStreamName(stream) &&
    ascends(result.output.planned.versions) &&
    ascends(result.output.gone.versions)
  )
    return result.output
  throw new CorruptObjectError(key, 'it does not say what is to be pruned')
}

function ascends(ranges: readonly NumberRange[]): boolean {
  return ranges.every(([first, last], i) => first <= last && first > (ranges[i - 1]?.[1] ?? 0))
}

/**
 * Writes a record. False: another prune was faster, and what this one found out counts for nothing. True: it is the
 * newest, or was when the store was asked; who writes the next one goes by it.
 */
export async function createPrune(
  store: ObjectStore,
  stream: StreamName,
  record: PruneRecord,
): Promise<boolean> {
  const key = pruneKey(stream, record.k)
  await store.create(key, encodeObject([], record)) // `exists` may be this very body, whose answer was lost
  return (await readPrune(store, stream))?.record.id === record.id
}

/** Undefined: this version resolves, as far as prune is concerned. Else the range of numbers that share its fate. */
export function pruneFate(
  prune: LoggedPrune | undefined,
  n: number,
): { readonly fate: 'planned' | 'gone'; readonly range: NumberRange } | undefined {
  for (const fate of ['planned', 'gone'] as const) {
    const range = prune === undefined ? undefined : rangeOf(prune.record[fate].versions, n)
    if (range !== undefined) return { fate, range }
  }
  return undefined
}

/** Throws the one sentence that says why a version does not resolve any more. */
export function requireUnpruned(
  prune: LoggedPrune | undefined,
  stream: StreamName,
  n: number,
): void {
  const found = pruneFate(prune, n)
  if (found === undefined || prune === undefined) return
  const name = `v${n} of ${formatStreamName(stream)}`
  throw new NotFoundError(
    found.fate === 'planned'
      ? `${name} is to be pruned (planned at ${prune.at.toISOString()}), so it is restored no more: holdfast versions lists what is kept, and holdfast hold add may still save it`
      : `${name} was pruned: holdfast versions lists what is kept`,
  )
}

/**
 * The list of a version's entries, as lines of JSON: streamable, readable with `zstd -d`, small once compressed.
 * The first line names the packs; then a line per entry, sorted by name; then a line per fault.
 * A delta has only the entries that changed since its base, and `gone` for those that went; faults are always all.
 */
import * as v from 'valibot'
import { CorruptObjectError } from '../errors.ts'
import type { ChunkRef, Entry, Fault } from './entry.ts'
import { isHole } from './entry.ts'

export interface Manifest {
  readonly entries: ReadonlyMap<string, Entry>
  readonly faults: readonly Fault[]
}

export const EMPTY_MANIFEST: Manifest = { entries: new Map(), faults: [] }

/** What differs from a base; for a full manifest, everything. */
export interface ManifestDelta {
  readonly changed: readonly Entry[]
  readonly gone: readonly string[]
  readonly faults: readonly Fault[]
}

/** In a manifest: "the object that this manifest lies in", whose number is not known before it is committed. */
const SELF = '.'
const BATCH_LINES = 10_000

/** @param self the pack name that stands for the object itself, if chunks lie there. */
export function encodeManifest(delta: ManifestDelta, self: string): Buffer {
  const packs = new Map<string, number>()
  const packIndex = (pack: string): number => {
    const name = pack === self ? SELF : pack
    const known = packs.get(name)
    if (known !== undefined) return known
    packs.set(name, packs.size)
    return packs.size - 1
  }
  const entries = delta.changed.toSorted(byName).map((entry) => encodeEntry(entry, packIndex))
  const gone = delta.gone.toSorted().map((name) => JSON.stringify({ name, type: 'gone' }))
  const faults = delta.faults.map((fault) => JSON.stringify({ fault }))
  const head = JSON.stringify({ packs: [...packs.keys()] })
  return encodeLines([head, ...entries, ...gone, ...faults])
}

/** In batches: a few million entries are more text than one string of V8 can hold. */
function encodeLines(lines: readonly string[]): Buffer {
  const batches: Buffer[] = []
  for (let from = 0; from < lines.length; from += BATCH_LINES)
    batches.push(Buffer.from(`${lines.slice(from, from + BATCH_LINES).join('\n')}\n`))
  return Buffer.concat(batches)
}

function byName(a: Entry, b: Entry): number {
  return a.name < b.name ? -1 : a.name > b.name ? 1 : 0
}

function encodeEntry(entry: Entry, packIndex: (pack: string) => number): string {
  const { mtimeNs, ctimeNs, inode, ...rest } = entry
  return JSON.stringify({
    ...rest,
    mtimeNs: String(mtimeNs),
    ctimeNs: String(ctimeNs),
    inode: String(inode),
    ...(entry.type === 'file' && { chunks: entry.chunks.map((c) => encodeChunk(c, packIndex)) }),
  })
}

/** `[id, length, pack, frame's offset, stored and plain length, start within it]`, or `[0, length]` for a hole. */
function encodeChunk(chunk: ChunkRef, packIndex: (pack: string) => number): (string | number)[] {
  if (isHole(chunk)) return [0, chunk.hole]
  const { frame } = chunk
  return [
    chunk.id,
    chunk.lengthBytes,
    packIndex(chunk.pack),
    frame.offset,
    frame.storedBytes,
    frame.plainBytes,
    chunk.start,
  ]
}

const Count = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(Number.MAX_SAFE_INTEGER))
const Digits = v.pipe(
  v.string(),
  v.regex(/^-?\d{1,30}$/),
  v.transform((digits: string) => BigInt(digits)),
)
const ChunkLine = v.union([
  v.tuple([
    v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/)),
    Count,
    Count,
    Count,
    Count,
    Count,
    Count,
  ]),
  v.tuple([v.literal(0), Count]),
])
const metadata = {
  name: v.pipe(v.string(), v.check(isSafeName, 'a name below a declared path')),
  mode: v.pipe(Count, v.maxValue(0o7777)),
  uid: Count,
  gid: Count,
  mtimeNs: Digits,
  ctimeNs: Digits,
  inode: Digits,
  stale: v.exactOptional(v.boolean()),
}
const Target = v.pipe(
  v.string(),
  v.check((target) => target !== '' && !target.includes('\0'), 'a target that can be'),
)
export const EntryLine = v.variant('type', [
  v.object({
    ...metadata,
    type: v.literal('file'),
    sizeBytes: Count,
    chunks: v.array(ChunkLine),
    hardLinkOf: v.exactOptional(
      v.pipe(v.string(), v.check(isSafeName, 'a name below a declared path')),
    ),
    unstable: v.exactOptional(v.boolean()),
  }),
  v.object({ ...metadata, type: v.literal('directory') }),
  v.object({ ...metadata, type: v.literal('symlink'), target: Target }),
  v.object({ type: v.literal('gone'), name: metadata.name }),
])
export const FaultLine = v.object({
  fault: v.object({
    name: v.string(),
    kind: v.picklist(['unreadable', 'unstable', 'skipped', 'notRestorable']),
    why: v.string(),
  }),
})
export const HeadLine = v.object({
  packs: v.array(v.pipe(v.string(), v.regex(/^([0-9a-f]{32}|v[1-9]\d{0,11}|\.)$/))),
})

/** A lone surrogate that stands for no byte. */
const NO_BYTE =
  /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udc7f\udd00-\udfff]/

/** Entries never leave the declared path: an index, then plain components; no `..`, no NUL, no empty part. */
function isSafeName(name: string): boolean {
  const [root, ...parts] = name.split('/')
  return (
    /^(0|[1-9]\d{0,4})$/.test(root ?? '') &&
    !name.includes('\0') &&
    !NO_BYTE.test(name) &&
    parts.every((part) => part !== '' && part !== '.' && part !== '..')
  )
}

/** Reads a manifest from untrusted bytes. Throws `CorruptObjectError`. */
export function decodeManifest(key: string, bytes: Buffer, self: string): ManifestDelta {
  const changed: Entry[] = []
  const gone: string[] = []
  const faults: Fault[] = []
  let packs: string[] | undefined
  for (const line of linesOf(bytes)) {
    const value = parseLine(key, line)
    if (packs === undefined)
      packs = expect(key, HeadLine, value).packs.map((p) => (p === SELF ? self : p))
    else if (typeof value === 'object' && value !== null && 'fault' in value)
      faults.push(expect(key, FaultLine, value).fault)
    else {
      const entry = expect(key, EntryLine, value)
      if (entry.type === 'gone') gone.push(entry.name)
      else
        changed.push(
          entry.type === 'file' ? { ...entry, chunks: decodeChunks(key, entry, packs) } : entry,
        )
    }
  }
  if (packs === undefined) throw new CorruptObjectError(key, 'its manifest is empty')
  return { changed, gone, faults }
}

function* linesOf(bytes: Buffer): Generator<Buffer> {
  for (let from = 0; from < bytes.length;) {
    const end = bytes.indexOf(10, from)
    yield bytes.subarray(from, end < 0 ? bytes.length : end)
    from = end < 0 ? bytes.length : end + 1
  }
}

function parseLine(key: string, line: Buffer): unknown {
  try {
    return JSON.parse(line.toString())
  } catch (cause) {
    throw new CorruptObjectError(key, 'a line of its manifest is no JSON', { cause })
  }
}

function expect<S extends v.GenericSchema>(
  key: string,
  schema: S,
  value: unknown,
): v.InferOutput<S> {
  const result = v.safeParse(schema, value, { abortEarly: true })
  if (result.success) return result.output
  const issue = result.issues[0]
  throw new CorruptObjectError(
    key,
    `its manifest has ${v.getDotPath(issue) ?? 'a line'} = ${issue.received}, not ${issue.expected ?? issue.message}`,
  )
}

function decodeChunks(
  key: string,
  entry: {
    readonly name: string
    readonly sizeBytes: number
    readonly chunks: readonly v.InferOutput<typeof ChunkLine>[]
  },
  packs: readonly string[],
): ChunkRef[] {
  const bytes = entry.chunks.reduce((sum, line) => sum + line[1], 0)
  if (bytes !== entry.sizeBytes)
    throw new CorruptObjectError(
      key,
      `its manifest gives "${entry.name}" ${entry.sizeBytes} bytes, and chunks of ${bytes}`,
    )
  return entry.chunks.map((line) => {
    if (line[0] === 0) return { hole: line[1] }
    const [id, lengthBytes, packNumber, offset, storedBytes, plainBytes, start] = line
    const pack = packs[packNumber]
    if (pack === undefined || start + lengthBytes > plainBytes)
      throw new CorruptObjectError(key, `its manifest places chunk ${id} outside of any frame`)
    return { id, lengthBytes, pack, frame: { offset, storedBytes, plainBytes }, start }
  })
}

/** Makes of a base's entries those of the version that the delta tells. */
export function applyDeltaInPlace(entries: Map<string, Entry>, delta: ManifestDelta): void {
  for (const name of delta.gone) entries.delete(name)
  for (const entry of delta.changed) entries.set(entry.name, entry)
}

/** Reads manifests (`manifest.ts` says what they are) from untrusted bytes. */
import * as v from 'valibot'
import { CorruptObjectError } from '../errors.ts'
import type { ChunkRef, Entry, Fault, PackedFrame } from './entry.ts'
import { MAX_FRAME_BYTES } from './frame.ts'
import { SELF } from './manifest.ts'
import type { FrameAt } from './usual-line.ts'
import { UsualLine } from './usual-line.ts'
import { MAX_PART_BYTES } from './name-reader.ts'

const LINE_END = 0x0a

const Count = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(Number.MAX_SAFE_INTEGER))
const InFrame = v.pipe(Count, v.maxValue(MAX_FRAME_BYTES))
const Digits = v.pipe(
  v.string(),
  v.regex(/^-?\d{1,30}$/),
  v.transform((digits: string) => BigInt(digits)),
)
const ChunkId = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/))
const ChunkLine = v.union([
  v.strictTuple([ChunkId, InFrame, Count, Count, Count, InFrame, InFrame]),
  v.strictTuple([ChunkId, InFrame, Count, Count, Count, InFrame, InFrame, InFrame, InFrame]),
  v.strictTuple([v.literal(0), Count]),
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
  attributes: v.exactOptional(
    v.pipe(
      v.array(v.strictTuple([v.string(), v.pipe(v.string(), v.base64())])),
      v.transform((pairs): Record<string, string> => Object.fromEntries(pairs)),
    ),
  ),
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
    database: v.exactOptional(v.boolean()),
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
    attribute: v.exactOptional(v.string()),
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
    (name.isWellFormed() || !NO_BYTE.test(name)) &&
    parts.every((part) => part !== '' && part !== '.' && part !== '..' && isShort(part))
  )
}

function isShort(part: string): boolean {
  return part.length <= MAX_PART_BYTES / 4 || Buffer.byteLength(part) <= MAX_PART_BYTES
}

/** What a line says; good until the next one is asked for. */
export type ManifestLine =
  | UsualLine
  | { readonly kind: 'entry'; readonly entry: Entry }
  | { readonly kind: 'gone'; readonly name: string }
  | { readonly kind: 'fault'; readonly fault: Fault }

/** Reads a manifest from untrusted bytes, block by block. */
export class ManifestDecoder {
  readonly #key: string
  readonly #self: string
  readonly #places: Places
  #packs: string[] | undefined
  readonly #usual = new UsualLine()
  /** The frame of the last chunk, and the number of its pack: neighbours mostly share it. */
  #lastFrame: PackedFrame | undefined
  #lastPack = -1

  /**
   * @param self what stands for the object itself: its name as a pack.
   * @param places frames that were met before, so that each is one object.
   */
  constructor(key: string, self: string, places: Places = new Places()) {
    this.#key = key
    this.#self = self
    this.#places = places
  }

  /** What a block says; to be read before its bytes are given back. Throws `CorruptObjectError`. */
  decode(block: Buffer): Generator<ManifestLine> {
    return this.#linesOf(block, block.length)
  }

  *#linesOf(block: Buffer, length: number): Generator<ManifestLine> {
    for (let at = 0; at < length;) {
      if (this.#packs !== undefined && this.#usual.read(block, at, this.#frameAt)) {
        yield this.#usual
        at = this.#usual.end
        continue
      }
      const end = block.indexOf(LINE_END, at)
      const text = block.toString('utf8', at, end < 0 ? length : end)
      at = end < 0 ? length : end + 1
      const value = parseLine(this.#key, text)
      if (this.#packs === undefined || isObjectWith(value, 'packs')) this.#addPacks(value)
      else if (isObjectWith(value, 'fault'))
        yield { kind: 'fault', fault: expect(this.#key, FaultLine, value).fault }
      else yield this.#decodeEntry(value)
    }
  }

  /** To be called after the last block. */
  end(): void {
    if (this.#packs === undefined) throw new CorruptObjectError(this.#key, 'its manifest is empty')
  }

  #addPacks(value: unknown): void {
    const { packs } = expect(this.#key, HeadLine, value)
    this.#packs ??= []
    this.#packs.push(...packs.map((pack) => (pack === SELF ? this.#self : pack)))
  }

  #decodeEntry(value: unknown): ManifestLine {
    const entry = expect(this.#key, EntryLine, value)
    if (entry.type === 'gone') return { kind: 'gone', name: entry.name }
    if (entry.type !== 'file') return { kind: 'entry', entry }
    const chunks = decodeChunks(this.#key, entry, this.#packs ?? [], this.#places)
    return { kind: 'entry', entry: { ...entry, chunks } }
  }

  readonly #frameAt: FrameAt = (packNumber, offset, storedBytes, plainBytes) => {
    const last = this.#lastFrame
    const isLast =
      last?.offset === offset && last.storedBytes === storedBytes && last.plainBytes === plainBytes
    if (isLast && packNumber === this.#lastPack) return last
    const pack = this.#packs?.[packNumber]
    if (pack === undefined) return undefined
    this.#lastPack = packNumber
    this.#lastFrame = this.#places.add({ pack, offset, storedBytes, plainBytes })
    return this.#lastFrame
  }
}

/** Frames by where they lie: one object for each, however many chunks it has. */
export class Places {
  readonly #frames = new Map<string, PackedFrame>()

  /** The frame that is known at this place, or this one from now on. */
  add(frame: PackedFrame): PackedFrame {
    const key = `${frame.pack} ${frame.offset} ${frame.storedBytes} ${frame.plainBytes}`
    const known = this.#frames.get(key)
    if (known === undefined) this.#frames.set(key, frame)
    return known ?? frame
  }
}

function isObjectWith(value: unknown, key: string): boolean {
  return typeof value === 'object' && value !== null && key in value
}

function parseLine(key: string, line: string): unknown {
  try {
    return JSON.parse(line)
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
  places: Places,
): ChunkRef[] {
  const bytes = entry.chunks.reduce((sum, line) => sum + (line[8] ?? line[1]), 0)
  if (bytes !== entry.sizeBytes)
    throw new CorruptObjectError(
      key,
      `its manifest gives "${entry.name}" ${entry.sizeBytes} bytes, and chunks of ${bytes}`,
    )
  return entry.chunks.map((line) => {
    if (line[0] === 0) return { hole: line[1] }
    const [id, lengthBytes, packNumber, offset, storedBytes, plainBytes, start, ...slice] = line
    const pack = packs[packNumber]
    if (pack === undefined || start + lengthBytes > plainBytes)
      throw new CorruptObjectError(key, `its manifest places chunk ${id} outside of any frame`)
    if (slice.length === 2 && slice[0] + slice[1] > lengthBytes)
      throw new CorruptObjectError(key, `its manifest takes more of chunk ${id} than it has`)
    const frame = places.add({ pack, offset, storedBytes, plainBytes })
    const [from, sliceBytes] = slice
    return from === undefined || sliceBytes === undefined
      ? { id, lengthBytes, frame, start }
      : { id, lengthBytes, frame, start, slice: { from, lengthBytes: sliceBytes } }
  })
}

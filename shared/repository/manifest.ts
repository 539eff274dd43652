/**
 * The list of a version's entries, as lines of JSON in blocks of whole lines: streamable, readable with `zstd -d`, small
 * once compressed. A line names packs that the lines after it refer to; then there is a line per entry, and one per
 * fault. A delta has only the entries that changed since its base, and `gone` for those that went; faults are always
 * all.
 */
import type { ChunkRef, Entry, Fault, FileEntry } from './entry.ts'
import { isHole } from './entry.ts'
import type { Entries } from './entries.ts'
import { giveBack } from './give-back.ts'

export interface Manifest {
  readonly entries: Entries
  readonly faults: readonly Fault[]
}

export const EMPTY_MANIFEST: Manifest = { entries: new Map(), faults: [] }

/** What differs from a base; for a full manifest, everything. */
export interface ManifestDelta {
  readonly changed: Iterable<Entry>
  readonly gone: Iterable<string>
  readonly faults: readonly Fault[]
}

/** In a manifest: "the object that this manifest lies in", whose number is not known before it is committed. */
export const SELF = '.'
/** A block ends with the line that makes it longer than this. */
const BLOCK_BYTES = 1024 * 1024
const BATCH_LINES = 256

/** The plain bytes of a manifest, block by block. @param self the pack name that stands for the object itself. */
export function* encodeManifest(delta: ManifestDelta, self: string): Generator<Buffer> {
  let batches: Buffer[] = []
  let bytes = 0
  let lines: string[] = []
  for (const line of manifestLines(delta, self)) {
    if (lines.push(line) < BATCH_LINES) continue
    const batch = Buffer.from(`${lines.join('\n')}\n`)
    lines = []
    batches.push(batch)
    bytes += batch.length
    if (bytes < BLOCK_BYTES) continue
    yield joined(batches)
    batches = []
    bytes = 0
  }
  if (lines.length > 0) batches.push(Buffer.from(`${lines.join('\n')}\n`))
  if (batches.length > 0) yield joined(batches)
}

function joined(batches: readonly Buffer[]): Buffer {
  const block = Buffer.concat(batches)
  for (const batch of batches) giveBack(batch, block)
  return block
}

function* manifestLines({ changed, gone, faults }: ManifestDelta, self: string): Generator<string> {
  const packs = new Map<string, number>()
  let unnamed: string[] = []
  const packIndex = (pack: string): number => {
    const name = pack === self ? SELF : pack
    const known = packs.get(name)
    if (known !== undefined) return known
    packs.set(name, packs.size)
    unnamed.push(name)
    return packs.size - 1
  }
  let isFirst = true
  for (const entry of changed) {
    const line = encodeEntry(entry, packIndex)
    if (isFirst || unnamed.length > 0) yield JSON.stringify({ packs: unnamed })
    unnamed = []
    isFirst = false
    yield line
  }
  if (isFirst) yield JSON.stringify({ packs: [] })
  for (const name of gone) yield JSON.stringify({ name, type: 'gone' })
  for (const fault of faults) yield JSON.stringify({ fault })
}

function encodeEntry(entry: Entry, packIndex: (pack: string) => number): string {
  if (entry.type === 'file' && isUsual(entry)) return encodeUsual(entry, packIndex)
  const { mtimeNs, ctimeNs, inode, attributes, ...rest } = entry
  return JSON.stringify({
    ...rest,
    ...(attributes !== undefined && { attributes: Object.entries(attributes) }),
    mtimeNs: String(mtimeNs),
    ctimeNs: String(ctimeNs),
    inode: String(inode),
    ...(entry.type === 'file' && { chunks: entry.chunks.map((c) => encodeChunk(c, packIndex)) }),
  })
}

/** A file with nothing unusual about it, as nearly all are. */
function isUsual(entry: FileEntry): boolean {
  const { stale, attributes, hardLinkOf, unstable, database } = entry
  if (stale !== undefined || attributes !== undefined || hardLinkOf !== undefined) return false
  return unstable === undefined && database === undefined
}

/** The same line, written down as it is: an object for it, and one for each chunk, would take longer than all the rest. */
function encodeUsual(entry: FileEntry, packIndex: (pack: string) => number): string {
  const { name, mode, uid, gid, sizeBytes, chunks, mtimeNs, ctimeNs, inode } = entry
  let list = ''
  for (const chunk of chunks) list += `${list && ','}${chunkText(chunk, packIndex)}`
  return `{"name":${JSON.stringify(name)},"mode":${mode},"uid":${uid},"gid":${gid},"type":"file","sizeBytes":${sizeBytes},"chunks":[${list}],"mtimeNs":"${mtimeNs}","ctimeNs":"${ctimeNs}","inode":"${inode}"}`
}

function chunkText(chunk: ChunkRef, packIndex: (pack: string) => number): string {
  if (isHole(chunk) || chunk.slice !== undefined)
    return JSON.stringify(encodeChunk(chunk, packIndex))
  const { id, lengthBytes, frame, start } = chunk
  const { pack, offset, storedBytes, plainBytes } = frame
  return `["${id}",${lengthBytes},${packIndex(pack)},${offset},${storedBytes},${plainBytes},${start}]`
}

/**
 * `[id, length, pack, frame's offset, stored and plain length, start within it]`, with the slice's `from` and length
 * behind it where only a part is meant; or `[0, length]` for a hole.
 */
function encodeChunk(chunk: ChunkRef, packIndex: (pack: string) => number): (string | number)[] {
  if (isHole(chunk)) return [0, chunk.hole]
  const { frame } = chunk
  return [
    chunk.id,
    chunk.lengthBytes,
    packIndex(frame.pack),
    frame.offset,
    frame.storedBytes,
    frame.plainBytes,
    chunk.start,
    ...(chunk.slice === undefined ? [] : [chunk.slice.from, chunk.slice.lengthBytes]),
  ]
}

/** Files of made versions: entries, the frames that they lie in, and what manifests and packs say of them. */
import type { FileEntry, StoredChunk } from '../../shared/repository/entry.ts'
import type { ManifestDelta } from '../../shared/repository/manifest.ts'
import { MAGIC, encodeObject, sha256Hex } from '../../shared/repository/object-file.ts'

export type Files = Map<string, FileEntry>

const METADATA = { mode: 0o644, uid: 0, gid: 0, mtimeNs: 0n, ctimeNs: 0n, inode: 1n }
const ROOT = { ...METADATA, name: '0', type: 'directory' as const }

/** @param names that changed since the base. */
export function deltaOf(files: Files, names: ReadonlySet<string> | 'all'): ManifestDelta {
  const all = names === 'all' ? [...files.keys()] : [...names]
  const changed = [ROOT, ...all.flatMap((name) => files.get(name) ?? [])]
  if (names === 'all') return { changed, gone: [], faults: [] }
  const gone = [...names].filter((name) => !files.has(name))
  return { changed, gone, faults: [] }
}

/** The i-th file of an upload, each with a frame of its own. */
export function fileOf(
  name: string,
  pack: string,
  frames: readonly Buffer[],
  i: number,
): FileEntry {
  const offset = frames.slice(0, i).reduce((sum, { length }) => sum + length, MAGIC.length)
  const bytes = frames[i] ?? Buffer.alloc(0)
  const lengthBytes = bytes.length
  const frame = { pack, offset, storedBytes: lengthBytes, plainBytes: lengthBytes }
  const chunk: StoredChunk = { id: sha256Hex(bytes), lengthBytes, frame, start: 0 }
  return { ...METADATA, name, type: 'file', sizeBytes: lengthBytes, chunks: [chunk] }
}

/** The pack in which these files lie, each in its own frame. */
export function packObject(
  name: string,
  frames: readonly Buffer[],
  entries: readonly FileEntry[],
): Buffer {
  const header = {
    format: 1,
    kind: 'pack',
    stream: 'shop/shop/0',
    name,
    frames: entries.map((entry) => {
      const [chunk] = entry.chunks as readonly StoredChunk[]
      if (chunk === undefined) throw new Error('a file without bytes')
      return { ...placeOf(chunk), chunks: [[chunk.id, chunk.start, chunk.lengthBytes]] }
    }),
  }
  return encodeObject(frames, header)
}

function placeOf({ frame: { offset, storedBytes, plainBytes } }: StoredChunk) {
  return { offset, storedBytes, plainBytes }
}

/** The ids of a file's chunks: two files that have the same hold the same. */
export function idsOf(entry: FileEntry): string {
  return entry.chunks.map((chunk) => ('id' in chunk ? chunk.id : 'hole')).join()
}

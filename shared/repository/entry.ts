/** One file, directory or symbolic link of a version. */
import type { FrameRef } from './frame.ts'

/** A run of one file's bytes: its hash, and where the bytes lie. A hole is a run of zeros that takes no space. */
export type ChunkRef = StoredChunk | { readonly hole: number }

export interface StoredChunk {
  /** SHA-256 of the plain bytes, hex. */
  readonly id: string
  readonly lengthBytes: number
  readonly frame: PackedFrame
  /** Where in the frame's plain bytes the chunk begins. */
  readonly start: number
  /** Only these bytes of the chunk are the file's here: a page of a database was replaced beside them. */
  readonly slice?: Slice
}

/** A frame, and the object that it lies in. */
export interface PackedFrame extends FrameRef {
  /** A pack's name, or `v<n>`: inside that version's own object. */
  readonly pack: string
}

export interface Slice {
  readonly from: number
  readonly lengthBytes: number
}

/** How many of the file's bytes a reference stands for. */
export function bytesOf(chunk: ChunkRef): number {
  if (isHole(chunk)) return chunk.hole
  return chunk.slice?.lengthBytes ?? chunk.lengthBytes
}

interface Metadata {
  /**
   * `<index of the declared path>/<path below it>`, `0` for the declared path itself; `/`-separated, never
   * with `.` or `..`. Bytes that are not UTF-8 stand as lone surrogates U+DC80–U+DCFF (PEP 383).
   */
  readonly name: string
  /** Permission bits with setuid, setgid and sticky. */
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly mtimeNs: bigint
  /** Where it was captured; not restored, only used to see that nothing has changed since. */
  readonly ctimeNs: bigint
  readonly inode: bigint
  /** Extended attributes (ACLs among them) by name, values in base64. */
  readonly attributes?: Readonly<Record<string, string>>
  /** It could not be read for this version: this is its entry of an earlier one. */
  readonly stale?: boolean
}

export interface FileEntry extends Metadata {
  readonly type: 'file'
  readonly sizeBytes: number
  readonly chunks: readonly ChunkRef[]
  /** The name of another entry with the same inode, whose bytes these are. */
  readonly hardLinkOf?: string
  /** It was read through SQLite: what lies beside it as its log, index or journal is part of it. */
  readonly database?: boolean
  /** It changed while it was read, each time. */
  readonly unstable?: boolean
}

export interface DirectoryEntry extends Metadata {
  readonly type: 'directory'
}

export interface SymlinkEntry extends Metadata {
  readonly type: 'symlink'
  /** Verbatim, coded as in `name`. */
  readonly target: string
}

export type Entry = FileEntry | DirectoryEntry | SymlinkEntry

/** What a version does not hold as it was, by name. */
export interface Fault {
  readonly name: string
  /** `unreadable` and `unstable` make a version partial; `skipped` (socket, device, FIFO) and `notRestorable` do not. */
  readonly kind: 'unreadable' | 'unstable' | 'skipped' | 'notRestorable'
  readonly why: string
  /** The extended attribute that it is about, `*` for all of them. */
  readonly attribute?: string
}

export function isHole(chunk: ChunkRef): chunk is { readonly hole: number } {
  return 'hole' in chunk
}

/** The declared path that an entry lies under, by index. */
export function rootOf(name: string): number {
  const slash = name.indexOf('/')
  return Number(slash < 0 ? name : name.slice(0, slash))
}

/** The path below the declared path; empty for the declared path itself. */
export function pathInRoot(name: string): string {
  const slash = name.indexOf('/')
  return slash < 0 ? '' : name.slice(slash + 1)
}

/** The entry's directory; undefined for a declared path itself. */
export function parentName(name: string): string | undefined {
  const slash = name.lastIndexOf('/')
  return slash < 0 ? undefined : name.slice(0, slash)
}

/** The same content and metadata, wherever it was captured and wherever its bytes lie. Times are compared to the microsecond, as far as Node can set them. */
export function sameEntry(a: Entry, b: Entry): boolean {
  if (a.type !== b.type || !sameMetadata(a, b)) return false
  if (a.type === 'symlink') return b.type === 'symlink' && a.target === b.target
  if (a.type === 'directory') return true
  if (b.type !== 'file' || (a.database ?? false) !== (b.database ?? false)) return false
  return a.hardLinkOf === b.hardLinkOf && sameContent(a, b)
}

function sameMetadata(a: Entry, b: Entry): boolean {
  return (
    (a.mode === b.mode || a.type === 'symlink') &&
    a.uid === b.uid &&
    a.gid === b.gid &&
    microseconds(a.mtimeNs) === microseconds(b.mtimeNs) &&
    (a.stale ?? false) === (b.stale ?? false) &&
    sameAttributes(a.attributes, b.attributes)
  )
}

/** Their order says nothing. */
export function sameAttributes(a: Entry['attributes'] = {}, b: Entry['attributes'] = {}): boolean {
  const names = Object.keys(a)
  if (names.length !== Object.keys(b).length) return false
  return names.every((name) => Object.hasOwn(b, name) && a[name] === b[name])
}

/** Rounded down, before 1970 too, as the system counts: seconds, and nanoseconds since their beginning. */
export function microseconds(ns: bigint): bigint {
  return (ns < 0n ? ns - 999n : ns) / 1000n
}

export function sameContent(a: FileEntry, b: FileEntry): boolean {
  return (
    a.sizeBytes === b.sizeBytes &&
    a.chunks.length === b.chunks.length &&
    a.chunks.every((chunk, i) => sameChunk(chunk, b.chunks[i]))
  )
}

function sameChunk(a: ChunkRef, b: ChunkRef | undefined): boolean {
  if (b === undefined || bytesOf(a) !== bytesOf(b)) return false
  if (isHole(a) || isHole(b)) return isHole(a) && isHole(b)
  return a.id === b.id && (a.slice?.from ?? 0) === (b.slice?.from ?? 0)
}

/**
 * The lines that manifests consist of nearly altogether, files and directories with nothing unusual about them, read
 * from their bytes as `manifest.ts` writes them: without a string, an object or a pattern for each field, in a tenth of
 * the time. What is not taken here is no error: the schema judges it, and says what is wrong.
 */
import { ID_BYTES, ITEM_BYTES, readChunks, writeNumbers } from './chunk-list.ts'
import type { Entry, PackedFrame } from './entry.ts'
import { MAX_FRAME_BYTES } from './frame.ts'
import { LineReader } from './line-reader.ts'
import { NameReader } from './name-reader.ts'

/** The frame at this place, in the pack that the manifest has given this number; undefined: it has not. */
export type FrameAt = (
  pack: number,
  offset: number,
  storedBytes: number,
  plainBytes: number,
) => PackedFrame | undefined

const MAX_MODE = 0o7777
const LINE_END = 0x0a
const NAME = Buffer.from('{"name":"')
const MODE = Buffer.from('","mode":')
const UID = Buffer.from(',"uid":')
const GID = Buffer.from(',"gid":')
const DIRECTORY = Buffer.from(',"type":"directory"')
const FILE = Buffer.from(',"type":"file","sizeBytes":')
const CHUNKS = Buffer.from(',"chunks":[')
const CHUNK = Buffer.from('["')
const ID_END = Buffer.from('",')
const COMMA = Buffer.from(',')
const LIST_END = Buffer.from(']')
const MTIME = Buffer.from(',"mtimeNs":"')
const CTIME = Buffer.from('","ctimeNs":"')
const INODE = Buffer.from('","inode":"')
const END = Buffer.from('"}')

/** What one line says, good until the next one is read. */
export class UsualLine {
  readonly kind = 'entry'
  readonly name = new NameReader()
  type: 'file' | 'directory' = 'file'
  mode = 0
  uid = 0
  gid = 0
  sizeBytes = 0
  /** Mtime, ctime and inode. */
  readonly times = new BigInt64Array(3)
  /** As `chunk-list.ts` has them, each chunk's frame by its index in `frames`. */
  list = Buffer.alloc(ITEM_BYTES)
  readonly frames: PackedFrame[] = []
  /** Where the line after it begins. */
  end = 0
  readonly #reader = new LineReader()
  readonly #halves = new Uint32Array(this.times.buffer)

  /** Reads the line that begins there; false: it is another, or none that may be. */
  read(bytes: Buffer, from: number, frameAt: FrameAt): boolean {
    const reader = this.#reader
    reader.begin(bytes, from)
    reader.text(NAME)
    if (!reader.isSound || !this.name.read(bytes, reader.at)) return false
    reader.at = this.name.baseEnd
    reader.text(MODE)
    this.mode = reader.count()
    reader.text(UID)
    this.uid = reader.count()
    reader.text(GID)
    this.gid = reader.count()
    if (!reader.isSound || this.mode > MAX_MODE || !this.#readContent(frameAt)) return false
    this.#readTimes()
    this.end = reader.at + 1
    return reader.isSound && (reader.at === bytes.length || bytes[reader.at] === LINE_END)
  }

  get listBytes(): number {
    return this.frames.length * ITEM_BYTES
  }

  /** The same as an object. */
  get entry(): Entry {
    const { mode, uid, gid, type, sizeBytes, frames } = this
    const { directory, baseName } = this.name
    const name = directory === '' ? baseName : `${directory}/${baseName}`
    const [mtimeNs = 0n, ctimeNs = 0n, inode = 0n] = this.times
    const metadata = { name, mode, uid, gid, mtimeNs, ctimeNs, inode }
    if (type === 'directory') return { ...metadata, type }
    const list = this.list.subarray(0, this.listBytes)
    const chunks = readChunks(list, { frame: (index) => frames[index] as PackedFrame })
    return { ...metadata, type, sizeBytes, chunks }
  }

  #readContent(frameAt: FrameAt): boolean {
    const reader = this.#reader
    this.frames.length = 0
    this.sizeBytes = 0
    this.type = 'directory'
    if (reader.takes(DIRECTORY)) return true
    this.type = 'file'
    reader.text(FILE)
    this.sizeBytes = reader.count()
    reader.text(CHUNKS)
    let bytes = 0
    while (reader.isSound && !reader.takes(LIST_END)) {
      if (this.frames.length > 0) reader.text(COMMA)
      bytes += this.#readChunk(frameAt)
    }
    return reader.isSound && bytes === this.sizeBytes
  }

  /** Returns its length. */
  #readChunk(frameAt: FrameAt): number {
    const reader = this.#reader
    const at = this.#roomForItem()
    reader.text(CHUNK)
    reader.hex(this.list, at, ID_BYTES)
    reader.text(ID_END)
    const length = reader.count()
    const pack = this.#nextCount()
    const offset = this.#nextCount()
    const stored = this.#nextCount()
    const plain = this.#nextCount()
    const start = this.#nextCount()
    reader.text(LIST_END)
    // Neither is more than the frame then.
    if (plain > MAX_FRAME_BYTES || start + length > plain) reader.isSound = false
    const frame = reader.isSound ? frameAt(pack, offset, stored, plain) : undefined
    if (frame === undefined) reader.isSound = false
    else {
      writeNumbers(this.list, at, this.frames.length, start, length)
      this.frames.push(frame)
    }
    return length
  }

  #nextCount(): number {
    this.#reader.text(COMMA)
    return this.#reader.count()
  }

  #readTimes(): void {
    const reader = this.#reader
    reader.text(MTIME)
    reader.long(this.#halves, 0)
    reader.text(CTIME)
    reader.long(this.#halves, 1)
    reader.text(INODE)
    reader.long(this.#halves, 2)
    reader.text(END)
  }

  #roomForItem(): number {
    const at = this.listBytes
    if (at + ITEM_BYTES > this.list.length) {
      const before = this.list
      this.list = Buffer.alloc(before.length * 2)
      before.copy(this.list)
    }
    return at
  }
}

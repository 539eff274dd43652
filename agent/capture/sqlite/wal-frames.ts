/** The frames of a write-ahead log (the `-wal` file): a head of 32 bytes, then frames of 24 bytes and one page each. */
import { readFully } from './read-fully.ts'
import type { WalIndex } from './wal-index.ts'

const LOG_HEAD_BYTES = 32
const FRAME_HEAD_BYTES = 24
/** The last byte of a log's magic number, when its checksums take numbers as big-endian. */
const BIG_ENDIAN_MAGIC = 0x83

export interface Frame {
  /** Counted from 0. */
  readonly page: number
  /** Of a transaction's last frame: pages of the database after it. 0 in the other frames. */
  readonly pagesAfter: number
}

/** Where the page of a frame lies in the log; frames count from 1. */
export function framePosition(frame: number, pageBytes: number): number {
  return LOG_HEAD_BYTES + (frame - 1) * (FRAME_HEAD_BYTES + pageBytes) + FRAME_HEAD_BYTES
}

/**
 * The committed frames, in order; undefined when they are not, or not any more, those of the index, whose salts and
 * last checksum they bear.
 */
export function readFrames(fd: number, index: WalIndex): Frame[] | undefined {
  const frames: Frame[] = []
  const head = Buffer.alloc(FRAME_HEAD_BYTES)
  for (let frame = 1; frame <= index.frames; frame += 1) {
    readFrameHead(fd, frame, index.pageBytes, head)
    if (head.toString('hex', 8, 16) !== index.salts) return undefined
    frames.push({ page: head.readUInt32BE(0) - 1, pagesAfter: head.readUInt32BE(4) })
  }
  const isLast = index.frames === 0 || head.toString('hex', 16, 24) === index.checksum
  return isLast ? frames : undefined
}

/** The salts and the checksum that a frame bears, hex; of another length where the log ends before it. */
export function markOfFrame(
  fd: number,
  frame: number,
  pageBytes: number,
): { readonly salts: string; readonly checksum: string } {
  const head = Buffer.alloc(FRAME_HEAD_BYTES)
  const length = readFrameHead(fd, frame, pageBytes, head)
  return {
    salts: head.toString('hex', 8, Math.min(16, length)),
    checksum: head.toString('hex', 16, length),
  }
}

/**
 * The frames after `frame` that go on from its checksum, to the last that ends a transaction. They may belong to an
 * earlier filling of the log.
 */
export function framesThatFollow(
  fd: number,
  after: { readonly frame: number; readonly salts: string; readonly checksum: string },
  pageBytes: number,
): Frame[] {
  const isBigEndian = isBigEndianLog(fd)
  const bytes = Buffer.alloc(FRAME_HEAD_BYTES + pageBytes)
  const frames: Frame[] = []
  let committed = 0
  let checksum = after.checksum
  for (let frame = after.frame + 1; ; frame += 1) {
    const at = framePosition(frame, pageBytes) - FRAME_HEAD_BYTES
    if (readFully(fd, bytes, at) < bytes.length) break
    if (bytes.toString('hex', 8, 16) !== after.salts) break
    checksum = checksumOf(bytes, checksum, isBigEndian)
    if (bytes.toString('hex', 16, 24) !== checksum) break
    frames.push({ page: bytes.readUInt32BE(0) - 1, pagesAfter: bytes.readUInt32BE(4) })
    if (bytes.readUInt32BE(4) > 0) committed = frames.length
  }
  return frames.slice(0, committed)
}

function readFrameHead(fd: number, frame: number, pageBytes: number, into: Buffer): number {
  return readFully(fd, into, framePosition(frame, pageBytes) - FRAME_HEAD_BYTES)
}

function isBigEndianLog(fd: number): boolean {
  const magic = Buffer.alloc(4)
  readFully(fd, magic, 0)
  return magic[3] === BIG_ENDIAN_MAGIC
}

/** Goes on from the checksum of the frame before: over the first 8 bytes of the head, then over the page. */
function checksumOf(frame: Buffer, before: string, isBigEndian: boolean): string {
  const sums = Buffer.from(before, 'hex')
  const state = [sums.readUInt32BE(0), sums.readUInt32BE(4)] as const
  const afterHead = add(state, frame.subarray(0, 8), isBigEndian)
  const afterPage = add(afterHead, frame.subarray(FRAME_HEAD_BYTES), isBigEndian)
  sums.writeUInt32BE(afterPage[0], 0)
  sums.writeUInt32BE(afterPage[1], 4)
  return sums.toString('hex')
}

function add(
  state: readonly [number, number],
  bytes: Buffer,
  isBigEndian: boolean,
): readonly [number, number] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  let [a, b] = state
  for (let at = 0; at < bytes.length; at += 8) {
    a = (a + view.getUint32(at, !isBigEndian) + b) >>> 0
    b = (b + view.getUint32(at + 4, !isBigEndian) + a) >>> 0
  }
  return [a, b]
}

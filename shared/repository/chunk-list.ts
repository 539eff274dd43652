/**
 * The chunk references of one file as bytes. Frames are shared by many chunks, and their places may not be known yet
 * when a chunk is added: a reference holds the frame's number, and the frame itself is an object that is filled in.
 */
import type { ChunkRef, PackedFrame, StoredChunk } from './entry.ts'
import { isHole } from './entry.ts'

export const ID_BYTES = 32
/** Id, frame's number, start, length. */
export const ITEM_BYTES = ID_BYTES + 3 * 4
/** Instead of a frame's number: a hole, its length where the id would be. */
const HOLE = 0xffff_ffff
/** Instead of a frame's number: the part that is meant of the chunk before; from, and length. */
const SLICE = 0xffff_fffe

/** What a list calls its frames. */
interface FramesByNumber {
  frame(number: number): PackedFrame
}

/** Frames by number. */
export class FrameRegistry implements FramesByNumber {
  readonly #frames: PackedFrame[] = []
  readonly #numbers = new Map<PackedFrame, number>()
  /** The one that was asked for last: neighbours mostly share it. */
  #last = -1

  numberOf(frame: PackedFrame): number {
    if (this.#frames[this.#last] === frame) return this.#last
    this.#last = this.#numbers.get(frame) ?? this.#frames.push(frame) - 1
    this.#numbers.set(frame, this.#last)
    return this.#last
  }

  frame(number: number): PackedFrame {
    return this.#frames[number] as PackedFrame
  }
}

export function chunkListBytes(chunks: readonly ChunkRef[]): number {
  let items = chunks.length
  for (const chunk of chunks) if (!isHole(chunk) && chunk.slice !== undefined) items += 1
  return items * ITEM_BYTES
}

export function writeChunks(
  into: Buffer,
  offset: number,
  chunks: readonly ChunkRef[],
  frames: FrameRegistry,
): void {
  let at = offset
  for (const chunk of chunks) {
    if (isHole(chunk)) {
      into.writeDoubleLE(chunk.hole, at)
      writeNumbers(into, at, HOLE, 0, 0)
    } else {
      into.write(chunk.id, at, ID_BYTES, 'hex')
      writeNumbers(into, at, frames.numberOf(chunk.frame), chunk.start, chunk.lengthBytes)
    }
    at += ITEM_BYTES
    if (isHole(chunk) || chunk.slice === undefined) continue
    writeNumbers(into, at, SLICE, chunk.slice.from, chunk.slice.lengthBytes)
    at += ITEM_BYTES
  }
}

/** The numbers of a stored chunk, behind its id. */
export function writeNumbers(
  into: Buffer,
  at: number,
  frame: number,
  start: number,
  length: number,
): void {
  into.writeUInt32LE(frame, at + ID_BYTES)
  into.writeUInt32LE(start, at + ID_BYTES + 4)
  into.writeUInt32LE(length, at + ID_BYTES + 8)
}

/**
 * A whole list of stored chunks, as it is.
 * @param ownFrames what the list calls its frames, by the order of its chunks.
 */
export function copyChunks(
  into: Buffer,
  offset: number,
  list: Buffer,
  ownFrames: readonly PackedFrame[],
  frames: FrameRegistry,
): void {
  for (let i = 0; i < ownFrames.length * ITEM_BYTES; i += 1) into[offset + i] = list[i] as number
  let at = offset + ID_BYTES
  for (const frame of ownFrames) {
    into.writeUInt32LE(frames.numberOf(frame), at)
    at += ITEM_BYTES
  }
}

/** @param list a whole list, and nothing else. */
export function readChunks(list: Buffer, frames: FramesByNumber): ChunkRef[] {
  const chunks: ChunkRef[] = []
  for (let at = 0; at < list.length; at += ITEM_BYTES) {
    const frame = list.readUInt32LE(at + ID_BYTES)
    if (frame === HOLE) chunks.push({ hole: list.readDoubleLE(at) })
    else if (frame === SLICE) addSlice(chunks, list, at)
    else chunks.push(readStored(list, at, frames))
  }
  return chunks
}

function addSlice(chunks: ChunkRef[], list: Buffer, at: number): void {
  const from = list.readUInt32LE(at + ID_BYTES + 4)
  const lengthBytes = list.readUInt32LE(at + ID_BYTES + 8)
  chunks.push({ ...(chunks.pop() as StoredChunk), slice: { from, lengthBytes } })
}

function readStored(list: Buffer, at: number, frames: FramesByNumber): StoredChunk {
  return {
    id: list.toString('hex', at, at + ID_BYTES),
    lengthBytes: list.readUInt32LE(at + ID_BYTES + 8),
    frame: frames.frame(list.readUInt32LE(at + ID_BYTES)),
    start: list.readUInt32LE(at + ID_BYTES + 4),
  }
}

/** The stored chunk with this id in a list, all of it; undefined if there is none. */
export function findInList(
  list: Buffer,
  id: Buffer,
  frames: FrameRegistry,
): StoredChunk | undefined {
  for (let at = list.indexOf(id); at >= 0; at = list.indexOf(id, at + 1))
    if (at % ITEM_BYTES === 0 && isStored(list, at)) return readStored(list, at, frames)
  return undefined
}

/** A hash of the id of each stored chunk in a list, in order. */
export function* idHashes(list: Buffer): Generator<number> {
  for (let at = 0; at < list.length; at += ITEM_BYTES)
    if (isStored(list, at)) yield list.readUInt32LE(at)
}

function isStored(list: Buffer, at: number): boolean {
  const frame = list.readUInt32LE(at + ID_BYTES)
  return frame !== HOLE && frame !== SLICE
}

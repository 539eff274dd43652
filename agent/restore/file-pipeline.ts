/**
 * Files from the repository: ranges are fetched ahead, their frames opened, verified and written by writers.
 *
 *   plan → pieces by frame → ranges → fetched bodies → jobs → writers → whole files
 *
 * Memory: `AHEAD` bodies that are on their way or wait, and one for each job of the writers, which are used again; of
 * decoded frames, one for each writer.
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { CorruptObjectError } from '../../shared/errors.ts'
import type { FileEntry } from '../../shared/repository/entry.ts'
import { packKey } from '../../shared/repository/object-keys.ts'
import { releaseMemory } from '../capture/release-memory.ts'
import { BodyRooms } from './body-rooms.ts'
import type { FetchRange } from './fetch-ranges.ts'
import type { FrameJob, JobPiece } from './frame-job.ts'
import type { FrameWriters } from './frame-writers.ts'
import type { ObjectReader } from './object-reader.ts'
import type { PartFiles } from './part-files.ts'
import type { FramePieces, Piece } from './pieces.ts'

/** Ranges that are asked for before they are needed. */
const AHEAD = 2
/** Files leave some 1.5 KB of garbage each, and the collector by itself lets four times of what is in use come together. */
const COLLECT_AFTER_PIECES = 16_384

/** What the pipeline asks of whoever knows the directories, and tells it. */
export interface Placing {
  readonly fsync: boolean
  /** Where the entry goes; the directories above it are there, and are real ones. */
  locate(name: string): string
  /** The directory was made by this restore. */
  isAlone(name: string): boolean
  /** More is to be done for it than writing its bytes: it is finished by one thread. */
  isDatabase(entry: FileEntry): boolean
  onDone(entry: FileEntry, lost: string | undefined): void
  onOwnerLost(entry: FileEntry): void
}

interface Fetched {
  readonly range: FetchRange
  readonly room: Buffer | undefined
  readonly body: Promise<Buffer | undefined>
}

export class FilePipeline {
  readonly #reader: ObjectReader
  readonly #writers: FrameWriters
  readonly #parts: PartFiles
  readonly #placing: Placing
  readonly #rooms = new BodyRooms()
  readonly #fetching: Fetched[] = []
  readonly #jobs = new Set<Promise<void>>()
  #failure: { readonly error: unknown } | undefined
  /** Since the last collection. */
  #pieces = 0

  constructor(reader: ObjectReader, writers: FrameWriters, parts: PartFiles, placing: Placing) {
    this.#reader = reader
    this.#writers = writers
    this.#parts = parts
    this.#placing = placing
  }

  /** Throws what stopped it; nothing is left of files that are not whole, and nobody writes any more. */
  async run(ranges: Iterable<FetchRange | 'pause'>): Promise<void> {
    try {
      for (const range of ranges) {
        if (range === 'pause') await this.#drain()
        else {
          if (this.#fetching.length >= AHEAD) await this.#writeNext()
          this.#fetch(range)
        }
      }
      await this.#drain()
    } catch (error) {
      this.#failure ??= { error }
    }
    await Promise.all(this.#jobs)
    if (this.#failure === undefined) return
    this.#parts.abandon()
    throw this.#failure.error
  }

  #fetch(range: FetchRange): void {
    const { pack, offset, end } = range
    const room = this.#rooms.take(end - offset)
    const body = this.#reader.range(pack, offset, end, room)
    body.catch(() => undefined) // seen when it is its turn
    this.#fetching.push({ range, room, body })
  }

  async #drain(): Promise<void> {
    while (this.#fetching.length > 0) await this.#writeNext()
    await Promise.all(this.#jobs)
    this.#throwFailure()
  }

  async #writeNext(): Promise<void> {
    const next = this.#fetching.shift()
    if (next === undefined) return
    const { range, room } = next
    const body = await next.body
    if (room !== undefined && body?.buffer !== room.buffer) this.#rooms.giveBack(room.buffer)
    if (body !== undefined) return this.#submit(range.pack, body, range.offset, range.frames, room)
    for (const each of range.frames) await this.#writeMoved(each)
  }

  async #writeMoved(each: FramePieces): Promise<void> {
    const { frame, pieces } = each
    try {
      const body = await this.#reader.moved(frame)
      await this.#submit(frame.pack, body, frame.offset, [each])
    } catch (error) {
      if (!(error instanceof CorruptObjectError)) throw error
      for (const { file } of pieces) {
        if (this.#isWhole(file.pieces, file.entry)) this.#placing.onDone(file.entry, error.message)
        else {
          this.#parts.temporaryOf(file, this.#placing.locate(file.entry.name))
          this.#partDone(file, error.message)
        }
      }
    }
  }

  /** Hands bytes over to be written, when there is somebody to take them. */
  async #submit(
    pack: string,
    body: Buffer,
    offset: number,
    frames: readonly FramePieces[],
    room?: Buffer,
  ): Promise<void> {
    while (this.#jobs.size >= this.#writers.jobs) await Promise.race(this.#jobs)
    this.#throwFailure()
    this.#collect(frames)
    const job = this.#write(
      {
        key: packKey(this.#reader.stream, pack),
        body: unshared(body, room),
        fsync: this.#placing.fsync,
        frames: frames.map(({ frame, pieces }) => ({
          ref: {
            offset: frame.offset,
            storedBytes: frame.storedBytes,
            plainBytes: frame.plainBytes,
          },
          at: frame.offset - offset,
          pieces: pieces.map((piece) => this.#jobPiece(piece)),
        })),
      },
      frames,
    )
      .catch((error: unknown) => {
        this.#failure ??= { error }
      })
      .finally(() => this.#jobs.delete(job))
    this.#jobs.add(job)
    // What the jobs have told, and whatever else this program does.
    await nextTurn()
  }

  #collect(frames: readonly FramePieces[]): void {
    for (const { pieces } of frames) this.#pieces += pieces.length
    if (this.#pieces < COLLECT_AFTER_PIECES) return
    this.#pieces = 0
    releaseMemory()
  }

  #jobPiece({ file, chunk, offset }: Piece): JobPiece {
    const { row, entry, pieces } = file
    const { id, start, lengthBytes, slice } = chunk
    const location = this.#placing.locate(entry.name)
    const common = { row, id, start, lengthBytes, slice, offset }
    if (!this.#isWhole(pieces, entry))
      return { ...common, path: this.#parts.temporaryOf(file, location), whole: undefined }
    const { mode, uid, gid, mtimeNs, sizeBytes } = entry
    const isAlone = this.#placing.isAlone(entry.name)
    return { ...common, path: location, whole: { mode, uid, gid, mtimeNs, sizeBytes, isAlone } }
  }

  #isWhole(pieces: readonly Piece[], entry: FileEntry): boolean {
    return pieces.length === 1 && !this.#placing.isDatabase(entry)
  }

  async #write(job: FrameJob, frames: readonly FramePieces[]): Promise<void> {
    const { lost, ownersLost, memory } = await this.#writers.run(job)
    this.#rooms.giveBack(memory)
    const why = new Map(lost.map((each) => [each.row, each.why]))
    const foreign = new Set(ownersLost)
    for (const { pieces } of frames)
      for (const { file } of pieces) {
        const { row, entry } = file
        if (foreign.has(row)) this.#placing.onOwnerLost(entry)
        if (this.#isWhole(file.pieces, entry)) this.#placing.onDone(entry, why.get(row))
        else this.#partDone(file, why.get(row))
      }
  }

  #partDone(file: Piece['file'], lost: string | undefined): void {
    const done = this.#parts.pieceDone(file, lost)
    if (done !== undefined) this.#placing.onDone(file.entry, done.lost)
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure.error
  }
}

/** Bytes that can be handed to another thread without being copied there. */
function unshared(body: Buffer, room: Buffer | undefined): Uint8Array<ArrayBuffer> {
  const { buffer, byteOffset, length } = body
  const isAlone = buffer === room?.buffer || buffer.byteLength === length
  if (buffer instanceof ArrayBuffer && isAlone) return new Uint8Array(buffer, byteOffset, length)
  return new Uint8Array(body)
}

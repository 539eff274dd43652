/**
 * Gathers chunks into frames and frames into packs, and uploads full packs while the next ones are filled.
 * Bytes go first, the version last: whoever commits awaits `finish` before.
 * Memory: one open frame, one open pack, and `MAX_UPLOADS` packs on their way; about 64 MiB.
 */
import type { ObjectStore } from '../object-store/object-store.ts'
import type { Patience } from '../patience.ts'
import { untilReachable } from '../patience.ts'
import type { StreamName } from '../stream-name.ts'
import { formatStreamName } from '../stream-name.ts'
import type { StoredChunk } from './entry.ts'
import type { FrameRef } from './frame.ts'
import { encodeFrame } from './frame.ts'
import { FORMAT } from './log-record.ts'
import { newPackName, packKey } from './object-keys.ts'
import { MAGIC, encodeObject } from './object-file.ts'

/** Small files are compressed together up to this many plain bytes. */
const FRAME_BYTES = 1024 * 1024
/** A pack is uploaded when it holds this much. */
const PACK_BYTES = 16 * 1024 * 1024
/** Also when it holds so many chunks: very many tiny files must not make a header that no reader takes. */
const PACK_CHUNKS = 64 * 1024
const MAX_UPLOADS = 3
/** Up to this many bytes travel inside the version object: the commit is one PUT. */
export const INLINE_BYTES = 1024 * 1024

/** The pack name of chunks that will lie in the version object itself, whose number is not known yet. */
export const INLINE_PACK = 'inline'

export interface PackedBytes {
  /** Frames for the version object itself; their chunks' pack is `INLINE_PACK`. Empty when there are packs. */
  readonly inline: readonly Buffer[]
  /** Stored bytes of all new chunks. */
  readonly storedBytes: number
  /** To be called once the version object that carries `inline` is in the log as `v<n>`. */
  readonly committedAs: (n: number) => void
  /** Monotonic time at which the first upload began, before its first attempt; Infinity if there was none. */
  readonly oldestUploadMs: number
}

/** The places of chunks are known once their frame is closed: until then these fields are open. */
interface OpenChunk extends StoredChunk {
  pack: string
  frame: FrameRef
}

export class PackWriter {
  readonly #store: ObjectStore
  readonly #stream: StreamName
  readonly #patience: Patience
  readonly #chunks = new Map<string, OpenChunk>()
  #frameParts: Buffer[] = []
  #frameBytes = 0
  #frameChunks: OpenChunk[] = []
  #pack = newPackName()
  #packFrames: Buffer[] = []
  #packBytes = 0
  #packChunks: OpenChunk[] = []
  #storedBytes = 0
  #oldestUploadMs = Infinity
  readonly #uploads = new Set<Promise<void>>()
  #failure: Error | undefined

  constructor(store: ObjectStore, stream: StreamName, patience: Patience) {
    this.#store = store
    this.#stream = stream
    this.#patience = patience
  }

  /** The chunk, if these bytes were added before. */
  find(id: string): StoredChunk | undefined {
    return this.#chunks.get(id)
  }

  /** Adds a chunk's plain bytes, which the writer keeps; the reference is whole after `finish`. Waits while uploads are behind. */
  async add(id: string, bytes: Buffer): Promise<StoredChunk> {
    const chunk: OpenChunk = {
      id,
      lengthBytes: bytes.length,
      pack: this.#pack,
      frame: { offset: 0, storedBytes: 0, plainBytes: 0 },
      start: this.#frameBytes,
    }
    this.#chunks.set(id, chunk)
    this.#frameChunks.push(chunk)
    this.#frameParts.push(bytes)
    this.#frameBytes += bytes.length
    if (this.#frameBytes >= FRAME_BYTES) await this.#closeFrame()
    return chunk
  }

  /** Everything added is durable after this, or handed back to be carried inside the version object. */
  async finish(): Promise<PackedBytes> {
    await this.#closeFrame()
    const nothingUploaded = this.#oldestUploadMs === Infinity
    if (nothingUploaded && this.#packBytes <= INLINE_BYTES) {
      for (const chunk of this.#packChunks) chunk.pack = INLINE_PACK
      const chunks = this.#packChunks
      return {
        inline: this.#packFrames,
        storedBytes: this.#storedBytes,
        committedAs(n) {
          for (const chunk of chunks) chunk.pack = `v${n}`
        },
        oldestUploadMs: Infinity,
      }
    }
    await this.#closePack()
    await Promise.all(this.#uploads)
    this.#throwFailure()
    return {
      inline: [],
      storedBytes: this.#storedBytes,
      committedAs: () => undefined,
      oldestUploadMs: this.#oldestUploadMs,
    }
  }

  async #closeFrame(): Promise<void> {
    if (this.#frameBytes === 0) return
    const plain = this.#frameParts.length === 1 ? this.#frameParts[0] : undefined
    const stored = encodeFrame(plain ?? Buffer.concat(this.#frameParts))
    const frame = {
      offset: MAGIC.length + this.#packBytes,
      storedBytes: stored.length,
      plainBytes: this.#frameBytes,
    }
    for (const chunk of this.#frameChunks) {
      chunk.frame = frame
      chunk.pack = this.#pack
      this.#packChunks.push(chunk)
    }
    this.#packFrames.push(stored)
    this.#packBytes += stored.length
    this.#storedBytes += stored.length
    this.#frameParts = []
    this.#frameChunks = []
    this.#frameBytes = 0
    if (this.#packBytes >= PACK_BYTES || this.#packChunks.length >= PACK_CHUNKS)
      await this.#closePack()
  }

  async #closePack(): Promise<void> {
    if (this.#packFrames.length === 0) return
    this.#throwFailure()
    while (this.#uploads.size >= MAX_UPLOADS) await Promise.race(this.#uploads)
    const body = encodeObject(
      this.#packFrames,
      packHeader(this.#stream, this.#pack, this.#packChunks),
    )
    const upload = this.#upload(packKey(this.#stream, this.#pack), body)
      .catch((error: Error) => {
        this.#failure ??= error
      })
      .finally(() => this.#uploads.delete(upload))
    this.#uploads.add(upload)
    this.#pack = newPackName()
    this.#packFrames = []
    this.#packChunks = []
    this.#packBytes = 0
  }

  /** The name is new and random, so whatever has it already is this very body: an earlier attempt that won. */
  async #upload(key: string, body: Buffer): Promise<void> {
    const startedMs = this.#patience.clock.monotonicMs()
    this.#oldestUploadMs = Math.min(this.#oldestUploadMs, startedMs)
    await untilReachable(() => this.#store.create(key, body), this.#patience)
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure
  }
}

/** A pack tells what it holds without any manifest: its frames, and the chunks in each as `[id, start, length]`. */
function packHeader(stream: StreamName, name: string, chunks: readonly StoredChunk[]): object {
  const frames = new Map<FrameRef, [string, number, number][]>()
  for (const { id, start, lengthBytes, frame } of chunks) {
    const inFrame = frames.get(frame)
    if (inFrame === undefined) frames.set(frame, [[id, start, lengthBytes]])
    else inFrame.push([id, start, lengthBytes])
  }
  return {
    format: FORMAT,
    kind: 'pack',
    stream: formatStreamName(stream),
    name,
    frames: [...frames].map(([frame, inFrame]) => ({ ...frame, chunks: inFrame })),
  }
}

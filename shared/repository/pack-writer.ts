/**
 * Gathers chunks into frames and frames into packs; while the next ones are filled, full frames are compressed by other
 * threads and full packs uploaded. Bytes go first, the version last: whoever commits awaits `finish` before.
 * Memory: `MAX_FRAMES` frames and `1 + MAX_UPLOADS` packs, about 45 MiB; their buffers are used again and again, since
 * the garbage collector takes its time with large ones.
 */
import type { Vault } from '../encryption/vault.ts'
import type { ObjectStore } from '../object-store/object-store.ts'
import type { Patience } from '../patience.ts'
import { untilReachable } from '../patience.ts'
import type { StreamName } from '../stream-name.ts'
import { ChunkNotes } from './chunk-notes.ts'
import type { StoredChunk } from './entry.ts'
import { sealFrame } from './frame.ts'
import { FrameCompressor } from './frame-compressor.ts'
import { packKey } from './object-keys.ts'
import type { OpenPlace } from './pack-body.ts'
import { PackBody } from './pack-body.ts'

/** A frame is closed when it holds this many plain bytes: small files are compressed together. */
const FRAME_BYTES = 1024 * 1024
/** A chunk goes to a frame that is begun if this is not exceeded by it. */
const MAX_FRAME_BYTES = 2 * 1024 * 1024
const SMALL_FRAME_BYTES = 64 * 1024
/** Frames that are being compressed. */
const MAX_FRAMES = 4
const MAX_UPLOADS = 2
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

interface OpenFrame {
  /** Grows to `MAX_FRAME_BYTES`, or what one larger chunk needs. */
  plain: Buffer
  readonly place: OpenPlace
  readonly chunks: ChunkNotes
}

export class PackWriter {
  /** Names and seals what is added. */
  readonly vault: Vault
  readonly #store: ObjectStore
  readonly #stream: StreamName
  readonly #patience: Patience
  #frame: OpenFrame | undefined
  #pack: PackBody
  readonly #compressor = new FrameCompressor()
  readonly #spareFrames: Buffer[] = []
  readonly #spareBodies: Buffer[] = []
  #storedBytes = 0
  #oldestUploadMs = Infinity
  /** Frames find their places in the order in which they were closed. */
  #placing: Promise<void> = Promise.resolve()
  readonly #framesUnderWay: Promise<void>[] = []
  readonly #uploads = new Set<Promise<void>>()
  #failure: Error | undefined

  constructor(store: ObjectStore, stream: StreamName, patience: Patience, vault: Vault) {
    this.vault = vault
    this.#store = store
    this.#stream = stream
    this.#patience = patience
    this.#pack = new PackBody(stream, vault)
  }

  /** Adds a copy of a chunk's plain bytes; the reference is whole after `finish`. */
  add(id: string, bytes: Buffer): StoredChunk {
    const filled = this.#frame?.place.plainBytes ?? 0
    if (filled + bytes.length > MAX_FRAME_BYTES) this.#closeFrame()
    this.#frame ??= this.#newFrame()
    const { place, chunks } = this.#frame
    const chunk = { id, lengthBytes: bytes.length, frame: place, start: place.plainBytes }
    this.#frame.plain = withRoom(this.#frame.plain, place.plainBytes, bytes.length)
    bytes.copy(this.#frame.plain, place.plainBytes)
    place.plainBytes += bytes.length
    chunks.add(id, chunk.start, bytes.length)
    if (place.plainBytes >= FRAME_BYTES) this.#closeFrame()
    return chunk
  }

  /** To be awaited before more is added, where there is something to wait for. Throws why uploads failed. */
  room(): Promise<void> | undefined {
    this.#throwFailure()
    return this.#framesUnderWay.length < MAX_FRAMES ? undefined : this.#untilRoom()
  }

  /** Everything added is durable after this, or handed back to be carried inside the version object. */
  async finish(): Promise<PackedBytes> {
    this.#closeFrame()
    await this.#placing
    this.#compressor.close()
    this.#throwFailure()
    const nothingUploaded = this.#oldestUploadMs === Infinity
    if (nothingUploaded && this.#pack.storedBytes <= INLINE_BYTES) {
      const places = this.#pack.setPlaces(INLINE_PACK)
      return {
        inline: this.#pack.frames(),
        storedBytes: this.#storedBytes,
        committedAs(n) {
          for (const place of places) place.pack = `v${n}`
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

  async #untilRoom(): Promise<void> {
    while (this.#framesUnderWay.length >= MAX_FRAMES) await this.#framesUnderWay[0]
    this.#throwFailure()
  }

  #closeFrame(): void {
    const frame = this.#frame
    if (frame === undefined) return
    this.#frame = undefined
    const plain = frame.plain.subarray(0, frame.place.plainBytes)
    const stored = sealFrame(this.vault, plain, this.#compressor)
    stored.catch(() => undefined) // whoever places it sees the error
    this.#placing = this.#placing
      .then(async () => this.#place(frame, await stored))
      .catch((error: Error) => {
        this.#failure ??= error
      })
      .finally(() => void this.#framesUnderWay.shift())
    this.#framesUnderWay.push(this.#placing)
  }

  async #place({ plain, place, chunks }: OpenFrame, stored: Buffer): Promise<void> {
    place.storedBytes = stored.length
    this.#storedBytes += stored.length
    this.#pack.add(stored, place, chunks)
    if (plain.length === MAX_FRAME_BYTES) this.#spareFrames.push(plain)
    if (this.#pack.isFull) await this.#closePack()
  }

  async #closePack(): Promise<void> {
    if (this.#pack.storedBytes === 0) return
    while (this.#uploads.size >= MAX_UPLOADS) await Promise.race(this.#uploads)
    this.#throwFailure()
    const { name } = this.#pack
    this.#pack.setPlaces(name)
    const body = this.#pack.encode()
    const upload = this.#upload(packKey(this.#stream, name), body)
      .then(() => void this.#spareBodies.push(Buffer.from(body.buffer)))
      .catch((error: Error) => {
        this.#failure ??= error
      })
      .finally(() => this.#uploads.delete(upload))
    this.#uploads.add(upload)
    this.#pack = new PackBody(this.#stream, this.vault, this.#spareBodies.pop())
  }

  /** The name is new and random, so whatever has it already is this very body: an earlier attempt that won. */
  async #upload(key: string, body: Buffer): Promise<void> {
    const startedMs = this.#patience.clock.monotonicMs()
    this.#oldestUploadMs = Math.min(this.#oldestUploadMs, startedMs)
    await untilReachable(() => this.#store.create(key, body), this.#patience)
  }

  #newFrame(): OpenFrame {
    const place = { pack: '', offset: 0, storedBytes: 0, plainBytes: 0 }
    const plain = this.#spareFrames.pop() ?? Buffer.alloc(0)
    return { plain, place, chunks: new ChunkNotes() }
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure
  }
}

/** The buffer, or a larger one with the same first bytes: small at first, since most commits are, then as large as a frame gets. */
function withRoom(plain: Buffer, filled: number, bytes: number): Buffer {
  const needed = filled + bytes
  if (needed <= plain.length) return plain
  const isSmall = needed <= SMALL_FRAME_BYTES
  const larger = Buffer.alloc(isSmall ? SMALL_FRAME_BYTES : Math.max(MAX_FRAME_BYTES, needed))
  plain.copy(larger, 0, 0, filled)
  return larger
}

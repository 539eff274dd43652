/** One pack while it is filled: its frames, copied to where they will lie, and what its header says of them. */
import type { Vault } from '../encryption/vault.ts'
import type { StreamName } from '../stream-name.ts'
import { formatStreamName } from '../stream-name.ts'
import type { ChunkNotes } from './chunk-notes.ts'
import type { PackedFrame } from './entry.ts'
import { FORMAT } from './log-record.ts'
import { newPackName } from './object-keys.ts'
import { MAGIC, encodeTail } from './object-file.ts'

/** A pack is full when it holds this much. */
const PACK_BYTES = 8 * 1024 * 1024
/** Also when it holds so many chunks: very many tiny files must not make a header that no reader takes. */
const PACK_CHUNKS = 32 * 1024

const SMALL_BYTES = 64 * 1024

/** All chunks of a frame share its place, which is known once it is closed. */
export type OpenPlace = { -readonly [K in keyof PackedFrame]: PackedFrame[K] }

export class PackBody {
  readonly name = newPackName()
  readonly #stream: StreamName
  readonly #vault: Vault
  #body: Buffer
  #filled = MAGIC.length
  #chunks = 0
  readonly #frames: { place: OpenPlace; chunks: ChunkNotes }[] = []

  /** @param spare a buffer that is used no more. */
  constructor(stream: StreamName, vault: Vault, spare: Buffer = Buffer.alloc(0)) {
    this.#stream = stream
    this.#vault = vault
    this.#body = spare
  }

  get storedBytes(): number {
    return this.#filled - MAGIC.length
  }

  get isFull(): boolean {
    return this.storedBytes >= PACK_BYTES || this.#chunks >= PACK_CHUNKS
  }

  add(stored: Buffer, place: OpenPlace, chunks: ChunkNotes): void {
    this.#reserve(stored.length)
    stored.copy(this.#body, this.#filled)
    place.offset = this.#filled
    this.#filled += stored.length
    this.#chunks += chunks.length
    this.#frames.push({ place, chunks })
  }

  /** Says in which object the frames lie. */
  setPlaces(pack: string): readonly OpenPlace[] {
    const places = this.#frames.map(({ place }) => place)
    for (const place of places) place.pack = pack
    return places
  }

  /** The frames one by one, for a version object that carries them itself. */
  frames(): Buffer[] {
    return this.#frames.map(({ place: { offset, storedBytes } }) =>
      this.#body.subarray(offset, offset + storedBytes),
    )
  }

  /** The whole object. */
  encode(): Buffer {
    const tail = encodeTail(this.#vault.sealHeader(this.#header(), 'frames'))
    this.#reserve(tail.length)
    MAGIC.copy(this.#body)
    tail.copy(this.#body, this.#filled)
    return this.#body.subarray(0, this.#filled + tail.length)
  }

  /** Little at first, since most commits are small; then room for a whole pack, which takes no memory until it is written to. */
  #reserve(bytes: number): void {
    const needed = this.#filled + bytes
    if (needed <= this.#body.length) return
    const before = this.#body
    const isSmall = needed <= SMALL_BYTES
    this.#body = Buffer.alloc(isSmall ? SMALL_BYTES : needed + PACK_BYTES)
    before.copy(this.#body, 0, 0, this.#filled)
  }

  /** A pack tells what it holds without any manifest: its frames, and the chunks in each as `[id, start, length]`. */
  #header() {
    return {
      format: FORMAT,
      kind: 'pack',
      stream: formatStreamName(this.#stream),
      name: this.name,
      frames: this.#frames.map(({ place: { offset, storedBytes, plainBytes }, chunks }) => ({
        offset,
        storedBytes,
        plainBytes,
        chunks: chunks.list(),
      })),
    }
  }
}

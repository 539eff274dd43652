/** Reads every byte of the versions of a stream that resolve, as a reader that knows of compaction does, and compares them with their hashes. */
import { createHash } from 'node:crypto'
import { systemClock } from '../../shared/clock.ts'
import type { ObjectStore } from '../../shared/object-store/object-store.ts'
import type { PackedFrame, StoredChunk } from '../../shared/repository/entry.ts'
import { isHole } from '../../shared/repository/entry.ts'
import { decodeFrame } from '../../shared/repository/frame.ts'
import { locateMoved } from '../../shared/repository/moved-pack.ts'
import { sha256Hex } from '../../shared/repository/object-file.ts'
import { packKey } from '../../shared/repository/object-keys.ts'
import { pruneFate, readPrune } from '../../shared/repository/prune-record.ts'
import { VersionLog } from '../../shared/repository/version-log.ts'
import { loadManifest } from '../../shared/repository/version-object.ts'
import type { StreamName } from '../../shared/stream-name.ts'

/** What a version holds, by name: the hash of a file's bytes, or what it is. */
export type Content = Readonly<Record<string, string>>

export class StreamAudit {
  readonly log: VersionLog
  readonly #store: ObjectStore
  readonly #frames = new Map<string, Promise<Buffer>>()

  constructor(store: ObjectStore, stream: StreamName) {
    this.#store = store
    this.log = new VersionLog(store, stream, { clock: systemClock, giveUpAfterMs: 60_000 })
  }

  /** Numbers of the versions that resolve now, ascending. */
  async resolving(): Promise<number[]> {
    const prune = await readPrune(this.#store, this.log.stream)
    const numbers: number[] = []
    for (const { n } of await this.log.numbers()) {
      if (pruneFate(prune, n) !== undefined) continue
      const found = await this.log.record(n)
      if (found?.record.kind === 'version') numbers.unshift(n)
    }
    return numbers
  }

  /** Throws when a byte of it is not there, or not what it was. */
  async read(n: number): Promise<Content> {
    const { entries } = await loadManifest(this.#store, this.log, n)
    const content: Record<string, string> = {}
    for (const entry of entries.values()) {
      if (entry.type !== 'file') {
        content[entry.name] = entry.type
        continue
      }
      const hash = createHash('sha256')
      for (const chunk of entry.chunks)
        hash.update(
          isHole(chunk) ? Buffer.alloc(chunk.hole) : await this.#bytes(n, entry.name, chunk),
        )
      content[entry.name] = hash.digest('hex')
    }
    return content
  }

  async #bytes(n: number, name: string, chunk: StoredChunk): Promise<Buffer> {
    const { id, start, lengthBytes, frame, slice } = chunk
    const bytes = (await this.#frame(frame)).subarray(start, start + lengthBytes)
    if (sha256Hex(bytes) !== id) throw new Error(`v${n}: ${name} is not what it was`)
    return slice === undefined ? bytes : bytes.subarray(slice.from, slice.from + slice.lengthBytes)
  }

  #frame(frame: PackedFrame): Promise<Buffer> {
    const key = `${frame.pack}@${frame.offset}`
    const known = this.#frames.get(key) ?? this.#fetch(frame)
    if (this.#frames.size > 200) this.#frames.clear()
    this.#frames.set(key, known)
    return known
  }

  /** A pack may be moved, and moved on, while it is looked for. */
  async #fetch(frame: PackedFrame): Promise<Buffer> {
    const { stream } = this.log
    const key = packKey(stream, frame.pack)
    const range = { offset: frame.offset, lengthBytes: frame.storedBytes }
    const found = await this.#store.get(key, range)
    if (found !== undefined) return decodeFrame(key, found.body, frame)
    const moved = await locateMoved(this.#store, stream, frame.pack)
    const offset = moved?.offsets.get(frame.offset)
    if (moved === undefined || offset === undefined)
      throw new Error(`the frame at ${frame.offset} of ${key} is nowhere`)
    return this.#fetch({ ...frame, pack: moved.to, offset })
  }
}

/**
 * Every place in which a chunk lies, once, however many versions refer to it. Tables of numbers instead of objects:
 * about 100 bytes a chunk and 50 a frame, so that half a million chunks take 50 MB and not half a gigabyte.
 */
import type { Vault } from '../shared/encryption/vault.ts'
import { PLAIN_VAULT } from '../shared/encryption/vault.ts'
import type { Entry, StoredChunk } from '../shared/repository/entry.ts'
import { isHole } from '../shared/repository/entry.ts'
import type { FrameRef } from '../shared/repository/frame.ts'
import { NumberRows } from './number-rows.ts'

const ID_WORDS = 8
const FRAME = { pack: 0, offset: 1, storedBytes: 2, plainBytes: 3 } as const
const CHUNK = { frame: ID_WORDS, start: ID_WORDS + 1, lengthBytes: ID_WORDS + 2 } as const

export class ChunkTable {
  readonly #packs: string[] = []
  readonly #packNumbers = new Map<string, number>()
  /** What each object is sealed with: as the first version that refers to it, like all of them. */
  readonly #vaults: Vault[] = []
  readonly #frames = new NumberRows(4)
  readonly #chunks = new NumberRows(ID_WORDS + 3)

  /** Names of the objects that hold chunks, by their number here. */
  get packs(): readonly string[] {
    return this.#packs
  }

  get frameCount(): number {
    return this.#frames.count
  }

  get chunkCount(): number {
    return this.#chunks.count
  }

  /** @param vault what the version is sealed with whose entries these are. */
  add(entries: Iterable<Entry>, vault: Vault): void {
    for (const entry of entries)
      if (entry.type === 'file')
        for (const chunk of entry.chunks) if (!isHole(chunk)) this.#chunks.add(this.#row(chunk))
    while (this.#vaults.length < this.#packs.length) this.#vaults.push(vault)
  }

  /** What the object is sealed with in which a frame lies. */
  vaultOf(frame: number): Vault {
    return this.#vaults[this.packOf(frame)] ?? PLAIN_VAULT
  }

  /** The number of a chunk's place; undefined for one that was never added. */
  find(chunk: StoredChunk): number | undefined {
    return this.#chunks.find(this.#row(chunk))
  }

  #row({ id, frame, start, lengthBytes }: StoredChunk): number[] {
    const { offset, storedBytes, plainBytes } = frame
    const pack = this.#packNumber(frame.pack)
    const row: number[] = []
    for (let at = 0; at < ID_WORDS * 8; at += 8) row.push(Number.parseInt(id.slice(at, at + 8), 16))
    row.push(this.#frames.add([pack, offset, storedBytes, plainBytes]), start, lengthBytes)
    return row
  }

  #packNumber(pack: string): number {
    const known = this.#packNumbers.get(pack)
    if (known !== undefined) return known
    this.#packNumbers.set(pack, this.#packs.length)
    return this.#packs.push(pack) - 1
  }

  packOf(frame: number): number {
    return this.#frames.get(frame, FRAME.pack)
  }

  frame(frame: number): FrameRef {
    const column = (name: keyof typeof FRAME) => this.#frames.get(frame, FRAME[name])
    return {
      offset: column('offset'),
      storedBytes: column('storedBytes'),
      plainBytes: column('plainBytes'),
    }
  }

  frameOf(chunk: number): number {
    return this.#chunks.get(chunk, CHUNK.frame)
  }

  chunk(chunk: number): { readonly id: string; readonly start: number; readonly end: number } {
    let id = ''
    for (let word = 0; word < ID_WORDS; word += 1)
      id += this.#chunks.get(chunk, word).toString(16).padStart(8, '0')
    const start = this.#chunks.get(chunk, CHUNK.start)
    return { id, start, end: start + this.#chunks.get(chunk, CHUNK.lengthBytes) }
  }

  /** Frames in the order in which they lie in their objects, one object after the other. */
  framesInOrder(): Uint32Array {
    const byPack = this.#packs.map((_name, i) => i)
    byPack.sort((a, b) => ((this.#packs[a] ?? '') < (this.#packs[b] ?? '') ? -1 : 1))
    const rank = new Uint32Array(byPack.length)
    for (const [i, pack] of byPack.entries()) rank[pack] = i
    const order = Uint32Array.from({ length: this.frameCount }, (_none, i) => i)
    const rankOf = (frame: number) => rank[this.packOf(frame)] ?? 0
    const offsetOf = (frame: number) => this.#frames.get(frame, FRAME.offset)
    return order.toSorted((a, b) => rankOf(a) - rankOf(b) || offsetOf(a) - offsetOf(b))
  }

  /** The chunks of each frame. */
  chunksByFrame(): (frame: number) => Uint32Array {
    const ends = new Uint32Array(this.frameCount + 1)
    for (let chunk = 0; chunk < this.chunkCount; chunk += 1)
      ends[this.frameOf(chunk) + 1] = (ends[this.frameOf(chunk) + 1] ?? 0) + 1
    for (let frame = 0; frame < this.frameCount; frame += 1)
      ends[frame + 1] = (ends[frame + 1] ?? 0) + (ends[frame] ?? 0)
    const filled = ends.slice()
    const chunks = new Uint32Array(this.chunkCount)
    for (let chunk = 0; chunk < this.chunkCount; chunk += 1) {
      const frame = this.frameOf(chunk)
      const at = filled[frame] ?? 0
      chunks[at] = chunk
      filled[frame] = at + 1
    }
    return (frame) => chunks.subarray(ends[frame], ends[frame + 1])
  }
}

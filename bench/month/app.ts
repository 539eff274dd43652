/** An app that changes a few of its files every five seconds: pictures as a capture would take them, without any volume. */
import { hash } from 'node:crypto'
import type { FileEntry } from '../../shared/repository/entry.ts'
import { EntryTable } from '../../shared/repository/entry-table.ts'
import type { HeldVersion } from '../../agent/capture/held-version.ts'
import type { Picture } from '../../agent/session/app-state.ts'
import type { PackWriter } from '../../shared/repository/pack-writer.ts'
import { SeededRandom } from '../../test/support/seeded-random.ts'

export interface AppShape {
  readonly files: number
  /** Changed in each commit. */
  readonly changed: number
  /** Bytes of each changed file; half of them repeat. */
  readonly fileBytes: number
}

const FILES_IN_DIRECTORY = 100
/** So many in a hundred changes fall on a hundredth of the files: what is written often is written again. */
const HOT_PERCENT = 80

export class SimulatedApp {
  readonly #shape: AppShape
  readonly #draw: SeededRandom
  #timeNs = 1_800_000_000_000_000_000n

  constructor(shape: AppShape, seed: number) {
    this.#shape = shape
    this.#draw = new SeededRandom(seed)
  }

  /** The first picture has everything. */
  async take(held: HeldVersion, packs: PackWriter): Promise<Picture> {
    this.#timeNs += 5_000_000_000n
    const changed = new EntryTable()
    if (held.entries.size === 0) this.#addAll(changed, packs)
    else
      for (let i = 0; i < this.#shape.changed; i += 1)
        changed.set(this.#file(this.#someFile(), packs))
    return {
      changed,
      gone: new Set(),
      refreshed: new EntryTable(),
      faults: [],
      doubtful: new Set(),
      packed: await packs.finish(),
      scannedAt: new Date(Number(this.#timeNs / 1_000_000n)),
      attributesSeen: false,
      moments: new Map(),
      applied: () => undefined,
    }
  }

  #addAll(changed: EntryTable, packs: PackWriter): void {
    const directories = Math.ceil(this.#shape.files / FILES_IN_DIRECTORY)
    for (let d = -1; d < directories; d += 1)
      changed.set({ ...this.#metadata(d < 0 ? '0' : `0/d${d}`, 0o755), type: 'directory' })
    for (let i = 0; i < this.#shape.files; i += 1) changed.set(this.#file(i, packs))
  }

  #someFile(): number {
    const { files } = this.#shape
    const isHot = this.#draw.below(100) < HOT_PERCENT
    return this.#draw.below(isHot ? Math.max(1, Math.floor(files / 100)) : files)
  }

  #file(i: number, packs: PackWriter): FileEntry {
    const name = `0/d${Math.floor(i / FILES_IN_DIRECTORY)}/file-${i}.json`
    const bytes = Buffer.alloc(this.#shape.fileBytes, 'order ')
    for (let at = 0; at < bytes.length / 2; at += 4)
      bytes.writeUInt32LE(this.#draw.below(2 ** 32), at)
    const chunk = packs.add(hash('sha256', bytes), bytes)
    const metadata = this.#metadata(name, 0o644)
    return { ...metadata, type: 'file', sizeBytes: bytes.length, chunks: [chunk] }
  }

  #metadata(name: string, mode: number) {
    const inode = BigInt(this.#draw.below(2 ** 24))
    const times = { mtimeNs: this.#timeNs, ctimeNs: this.#timeNs }
    return { name, mode, uid: 1000, gid: 1000, inode, ...times }
  }
}

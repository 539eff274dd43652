/**
 * Entries by name, as a Map has them, in some 130 bytes each instead of a thousand: a volume of a million files must
 * not cost its sidecar a gigabyte. An entry that is read is made anew each time.
 */
import { FrameRegistry, findInList, idHashes, readChunks } from './chunk-list.ts'
import type { Entries } from './entries.ts'
import type { ChunkRef, Entry, StoredChunk } from './entry.ts'
import { entryOf } from './entry-of-row.ts'
import type { RecordView } from './entry-record.ts'
import { planRecord } from './entry-record.ts'
import { EntryRows } from './entry-rows.ts'
import { KindRegistry } from './kind-registry.ts'
import { hashName, hashReadName, splitName } from './name-hash.ts'
import { isAtOrBelow } from './names-below.ts'
import { NumberIndex } from './number-index.ts'
import { PathRegistry } from './path-registry.ts'
import { RecordHeap } from './record-heap.ts'
import type { UsualLine } from './usual-line.ts'

export class EntryTable implements Entries {
  readonly #rows = new EntryRows()
  #byName = new NumberIndex()
  #records = new RecordHeap()
  #frames = new FrameRegistry()
  #paths = new PathRegistry()
  readonly #kinds = new KindRegistry()
  /** The entry that was made or found last: whoever looks at one mostly asks for it by its name next. */
  #lastName: string | undefined
  #lastRow = -1

  static of(entries: Iterable<Entry>): EntryTable {
    const table = new EntryTable()
    for (const entry of entries) table.set(entry)
    return table
  }

  get size(): number {
    return this.#rows.size
  }

  has(name: string): boolean {
    return this.rowOf(name) !== undefined
  }

  get(name: string): Entry | undefined {
    const row = this.rowOf(name)
    return row === undefined ? undefined : this.#make(row, true, name)
  }

  /** The entry without its chunks, which cost the most to make. */
  glance(name: string): Entry | undefined {
    const row = this.rowOf(name)
    return row === undefined ? undefined : this.#make(row, false, name)
  }

  /** As `glance`, of a row that is used. */
  glanceAt(row: number): Entry {
    return this.#make(row, false, this.nameAt(row))
  }

  /** As the entry says it, of a row that is used. */
  typeAt(row: number): Entry['type'] {
    return this.#kinds.at(this.#rows.kind(row)).type
  }

  /** As the entry says it, of a row that is used. */
  ctimeNsAt(row: number): bigint {
    return this.#hasRest(row) ? this.glanceAt(row).ctimeNs : this.#rows.ctimeNs(row)
  }

  /** As a file's entry says it, of a row that is used; 0 for others. */
  sizeBytesAt(row: number): number {
    return this.#rows.sizeBytes(row)
  }

  /** The chunks of a row's file, without the rest of its entry. */
  chunksAt(row: number): ChunkRef[] {
    return readChunks(this.#record(row).list, this.#frames)
  }

  /** As the entry says it, of a row that is used. */
  hardLinkOfAt(row: number): string | undefined {
    return this.#hasRest(row) ? this.#record(row).rest.hardLinkOf : undefined
  }

  /** As the entry says them, of a row that is used. */
  attributesAt(row: number): Entry['attributes'] {
    if (!this.#hasRest(row)) return undefined
    const { attributes } = this.#record(row).rest
    return attributes && Object.fromEntries(attributes)
  }

  /** The directories that entries lie in, each once; '' for declared paths. */
  parents(): Set<string> {
    const numbers = new Set<number>()
    let last = -1
    for (const row of this.rows()) {
      const directory = this.#rows.directory(row)
      if (directory !== last) numbers.add(directory)
      last = directory
    }
    return new Set([...numbers].map((number) => this.#paths.at(number)))
  }

  /** A number under which the entry can be had until it is removed. */
  rowOf(name: string): number | undefined {
    if (this.#rows.size === 0) return undefined
    if (name === this.#lastName) return this.#lastRow
    const [path, base] = splitName(name)
    const directory = this.#paths.find(path)
    if (directory === undefined) return undefined
    // Whoever goes through a volume comes to entries in the order in which they were added.
    const next = this.#lastRow + 1
    const isNext = next < this.#rows.end && this.#isAt(next, directory, base)
    const found = isNext
      ? next
      : this.#byName.find(hashName(directory, base), (row) => this.#isAt(row, directory, base))
    if (found === undefined) return undefined
    this.#lastRow = found
    this.#lastName = name
    return found
  }

  #isAt(row: number, directory: number, base: string): boolean {
    if (this.#rows.directory(row) !== directory) return false
    return this.#records.isNamed(this.#rows.address(row), base)
  }

  /** The entry of a row that is used. */
  at(row: number): Entry {
    return this.#make(row, true, this.nameAt(row))
  }

  /** All row numbers are below this. */
  get endRow(): number {
    return this.#rows.end
  }

  /** Rows of the entries at and below these names. */
  *rowsBelow(tops: ReadonlySet<string>): Generator<number, undefined> {
    if (tops.size === 0) return undefined
    const isBelow = this.#paths.map((path) => isAtOrBelow(path, tops))
    for (const row of this.rows()) if (isBelow[this.#rows.directory(row)] === true) yield row
    for (const top of tops) {
      const row = this.rowOf(top)
      if (row !== undefined && isBelow[this.#rows.directory(row)] === false) yield row
    }
    return undefined
  }

  /** Names of the entries that lie directly in a directory. */
  *namesIn(directory: string): Generator<string, undefined> {
    const number = this.#paths.find(directory)
    for (const row of number === undefined ? [] : this.rows())
      if (this.#rows.directory(row) === number) yield this.nameAt(row)
    return undefined
  }

  /** Numbers of all rows in use. */
  *rows(): Generator<number, undefined> {
    for (let row = 0; row < this.#rows.end; row += 1) if (this.#rows.isUsed(row)) yield row
    return undefined
  }

  /** Adds an entry, or puts it in the place of the one with its name. Returns its row. */
  set(entry: Entry): number {
    const [path, base] = splitName(entry.name)
    const known = this.rowOf(entry.name)
    const data = {
      directory: this.#paths.add(path),
      kind: this.#kinds.add(entry),
      address: this.#records.write(
        planRecord(base, entry),
        entry,
        this.#frames,
        known === undefined ? undefined : this.#rows.address(known),
      ),
      sizeBytes: entry.type === 'file' ? entry.sizeBytes : 0,
      mtimeNs: BigInt.asIntN(64, entry.mtimeNs),
      ctimeNs: BigInt.asIntN(64, entry.ctimeNs),
      inode: BigInt.asIntN(64, entry.inode),
    }
    const row = known ?? this.#rows.add()
    this.#rows.put(row, data)
    if (known === undefined) this.#byName.add(hashName(data.directory, base), row)
    else this.#collectGarbage()
    return row
  }

  /** As `set`, of an entry as its line says it. */
  setUsual(line: UsualLine): void {
    const { name, sizeBytes, times } = line
    const directory = this.#paths.add(name.directory)
    const hash = hashReadName(directory, name)
    const known = this.#byName.find(
      hash,
      (row) =>
        this.#rows.directory(row) === directory &&
        this.#records.isNamedAlike(this.#rows.address(row), name),
    )
    const before = known === undefined ? undefined : this.#rows.address(known)
    const address = this.#records.writeUsual(line, this.#frames, before)
    const row = known ?? this.#rows.add()
    this.#rows.putNumbers(row, { directory, kind: this.#kinds.add(line), address, sizeBytes })
    this.#rows.putTimes(row, times)
    if (known === undefined) this.#byName.add(hash, row)
    else this.#collectGarbage()
  }

  delete(name: string): boolean {
    const row = this.rowOf(name)
    if (row === undefined) return false
    if (row === this.#lastRow) this.#lastName = undefined
    this.#records.discard(this.#rows.address(row))
    this.#byName.remove(this.#nameHash(row), row)
    this.#rows.remove(row)
    this.#collectGarbage()
    return true
  }

  *keys(): Generator<string, undefined> {
    for (const row of this.rows()) yield this.nameAt(row)
    return undefined
  }

  *values(): Generator<Entry, undefined> {
    for (const row of this.rows()) yield this.at(row)
    return undefined
  }

  *[Symbol.iterator](): Generator<[string, Entry], undefined> {
    for (const row of this.rows()) {
      const entry = this.at(row)
      yield [entry.name, entry]
    }
    return undefined
  }

  nameAt(row: number): string {
    const path = this.#paths.at(this.#rows.directory(row))
    const { baseName } = this.#record(row)
    return path === '' ? baseName : `${path}/${baseName}`
  }

  /** A stored chunk of a row's file, by its id; undefined if the file has no such chunk. */
  findChunk(row: number, id: Buffer): StoredChunk | undefined {
    return findInList(this.#record(row).list, id, this.#frames)
  }

  /** A hash of the id of each stored chunk of a row, in order. */
  idHashes(row: number): Iterable<number> {
    return idHashes(this.#record(row).list)
  }

  #make(row: number, withChunks: boolean, name: string): Entry {
    const record = this.#record(row)
    this.#lastName = name
    this.#lastRow = row
    const chunks = withChunks ? readChunks(record.list, this.#frames) : []
    const data = this.#rows.get(row)
    return entryOf(name, data, this.#kinds.at(data.kind), record, chunks)
  }

  #record(row: number): RecordView {
    return this.#records.at(this.#rows.address(row))
  }

  #hasRest(row: number): boolean {
    return this.#records.hasRest(this.#rows.address(row))
  }

  #nameHash(row: number): number {
    return hashName(this.#rows.directory(row), this.#record(row).baseName)
  }

  /** Copies what is used to a new heap once as much again is not: frames and paths that nothing refers to go with it. */
  #collectGarbage(): void {
    if (!this.#records.isWasteful) return
    const [records, frames, paths] = [new RecordHeap(), new FrameRegistry(), new PathRegistry()]
    for (const row of this.rows()) {
      const entry = this.at(row)
      const [path, base] = splitName(entry.name)
      const address = records.write(planRecord(base, entry), entry, frames, undefined)
      this.#rows.put(row, { ...this.#rows.get(row), address, directory: paths.add(path) })
    }
    this.#records = records
    this.#frames = frames
    this.#paths = paths
    this.#byName = new NumberIndex()
    for (const row of this.rows()) this.#byName.add(this.#nameHash(row), row)
  }
}

/** The table itself where it is one, else one of these entries. */
export function tableOf(entries: Entries): EntryTable {
  return entries instanceof EntryTable ? entries : EntryTable.of(entries.values())
}

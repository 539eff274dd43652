/**
 * The fixed part of many entries, 44 bytes each, in large buffers. Rows keep their numbers; one that is freed is used
 * again.
 */
const SEGMENT_ROWS = 4096
/** A fourth of a fourth of a fourth of that. */
const FIRST_ROWS = 64

export interface RowData {
  /** Index of the directory's path; `FREE` in a row that is not used. */
  directory: number
  /** Index of what the entry's kind, mode, owner and flags are. */
  kind: number
  /** Where its name, chunks and the rest lie. */
  address: number
  sizeBytes: number
  mtimeNs: bigint
  ctimeNs: bigint
  inode: bigint
}

const FREE = 0xffff_ffff

interface Segment {
  /** Directory, kind and address of each row. */
  readonly numbers: Uint32Array
  readonly sizes: Float64Array
  /** Mtime, ctime and inode of each row. */
  readonly times: BigInt64Array
}

/** Times of a row. */
const TIMES = 3

export class EntryRows {
  readonly #segments: Segment[] = []
  readonly #free: number[] = []
  #next = 0
  /** Rows that there is room for. */
  #room = 0
  size = 0

  /** Rows ever used: all numbers are below. */
  get end(): number {
    return this.#next
  }

  /** A row that is to be put at once. */
  add(): number {
    const row = this.#free.pop() ?? this.#next++
    if (row >= this.#room) this.#makeRoom()
    this.size += 1
    return row
  }

  put(row: number, data: RowData): void {
    this.putNumbers(row, data)
    const { times } = this.#segment(row)
    const i = (row % SEGMENT_ROWS) * TIMES
    times[i] = data.mtimeNs
    times[i + 1] = data.ctimeNs
    times[i + 2] = data.inode
  }

  /** As `put`, but for the times. */
  putNumbers(row: number, data: Omit<RowData, 'mtimeNs' | 'ctimeNs' | 'inode'>): void {
    const { numbers, sizes } = this.#segment(row)
    const i = row % SEGMENT_ROWS
    numbers[i * 3] = data.directory
    numbers[i * 3 + 1] = data.kind
    numbers[i * 3 + 2] = data.address
    sizes[i] = data.sizeBytes
  }

  /** @param from mtime, ctime and inode. */
  putTimes(row: number, from: BigInt64Array): void {
    this.#segment(row).times.set(from, (row % SEGMENT_ROWS) * TIMES)
  }

  get(row: number): RowData {
    const { sizes, times } = this.#segment(row)
    const i = row % SEGMENT_ROWS
    return {
      directory: this.directory(row),
      kind: this.kind(row),
      address: this.address(row),
      sizeBytes: sizes[i] as number,
      mtimeNs: times[i * TIMES] as bigint,
      ctimeNs: times[i * TIMES + 1] as bigint,
      inode: times[i * TIMES + 2] as bigint,
    }
  }

  directory(row: number): number {
    return this.#segment(row).numbers[(row % SEGMENT_ROWS) * 3] as number
  }

  kind(row: number): number {
    return this.#segment(row).numbers[(row % SEGMENT_ROWS) * 3 + 1] as number
  }

  address(row: number): number {
    return this.#segment(row).numbers[(row % SEGMENT_ROWS) * 3 + 2] as number
  }

  sizeBytes(row: number): number {
    return this.#segment(row).sizes[row % SEGMENT_ROWS] as number
  }

  ctimeNs(row: number): bigint {
    return this.#segment(row).times[(row % SEGMENT_ROWS) * TIMES + 1] as bigint
  }

  isUsed(row: number): boolean {
    return this.directory(row) !== FREE
  }

  remove(row: number): void {
    this.#segment(row).numbers[(row % SEGMENT_ROWS) * 3] = FREE
    this.#free.push(row)
    this.size -= 1
  }

  /** The first segment grows, since most tables are small; then come whole ones. */
  #makeRoom(): void {
    const [first] = this.#segments
    if (first !== undefined && this.#room < SEGMENT_ROWS) {
      this.#room *= 4
      this.#segments[0] = grown(first, this.#room)
      return
    }
    const rows = first === undefined ? FIRST_ROWS : SEGMENT_ROWS
    this.#segments.push(newSegment(rows))
    this.#room += rows
  }

  #segment(row: number): Segment {
    return this.#segments[Math.floor(row / SEGMENT_ROWS)] as Segment
  }
}

function newSegment(rows: number): Segment {
  return {
    numbers: new Uint32Array(3 * rows),
    sizes: new Float64Array(rows),
    times: new BigInt64Array(TIMES * rows),
  }
}

function grown(segment: Segment, rows: number): Segment {
  const larger = newSegment(rows)
  larger.numbers.set(segment.numbers)
  larger.sizes.set(segment.sizes)
  larger.times.set(segment.times)
  return larger
}

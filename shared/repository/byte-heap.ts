/**
 * Many small runs of bytes in few large buffers: what a million entries say of themselves, without an object for each.
 * A run has an address, a number below 2^32. Pages that are not written to yet take no memory.
 */
const PAGE_BYTES = 1024 * 1024
/** Addresses count in units of so many bytes. */
const UNIT = 8
const PAGE_UNITS = PAGE_BYTES / UNIT
const FIRST_BYTES = 8 * 1024

export class ByteHeap {
  readonly #pages: Buffer[] = []
  /** The page that is being filled, and how far. */
  #page = -1
  #filled = PAGE_BYTES
  /** The first page grows: most tables are small. */
  #firstBytes = FIRST_BYTES

  /** Room for so many bytes; a run larger than a page has one of its own. */
  allocate(bytes: number): number {
    if (bytes > PAGE_BYTES) {
      this.#pages.push(newPage(bytes))
      return (this.#pages.length - 1) * PAGE_UNITS
    }
    if (this.#filled + bytes > PAGE_BYTES) {
      this.#pages.push(newPage(this.#pages.length === 0 ? this.#firstBytes : PAGE_BYTES))
      this.#page = this.#pages.length - 1
      this.#filled = 0
    }
    const address = this.#page * PAGE_UNITS + this.#filled / UNIT
    this.#filled += roundedUp(bytes)
    if (this.#page === 0) this.#growFirst()
    return address
  }

  #growFirst(): void {
    if (this.#filled <= this.#firstBytes) return
    const before = this.#pages[0] as Buffer
    while (this.#firstBytes < this.#filled) this.#firstBytes *= 4
    this.#firstBytes = Math.min(this.#firstBytes, PAGE_BYTES)
    this.#pages[0] = newPage(this.#firstBytes)
    before.copy(this.#pages[0])
  }

  /** The buffer in which a run lies; the run begins at `offsetOf` its address. */
  bufferOf(address: number): Buffer {
    return this.#pages[Math.floor(address / PAGE_UNITS)] as Buffer
  }
}

export function offsetOf(address: number): number {
  return (address % PAGE_UNITS) * UNIT
}

/** What a run of so many bytes takes. */
export function roundedUp(bytes: number): number {
  return Math.ceil(bytes / UNIT) * UNIT
}

function newPage(bytes: number): Buffer {
  return Buffer.from(new ArrayBuffer(bytes))
}

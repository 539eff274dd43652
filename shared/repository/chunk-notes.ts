/** Which chunks a frame holds, as bytes until the pack's header is written: tens of thousands of objects would outlive the young generation. */
const ID_BYTES = 32
const NOTE_BYTES = ID_BYTES + 2 * 4

export class ChunkNotes {
  #bytes = Buffer.from(new ArrayBuffer(NOTE_BYTES * 8))
  length = 0

  /** @param id hex. */
  add(id: string, start: number, lengthBytes: number): void {
    const at = this.length * NOTE_BYTES
    if (at === this.#bytes.length) {
      const before = this.#bytes
      this.#bytes = Buffer.from(new ArrayBuffer(before.length * 4))
      before.copy(this.#bytes)
    }
    this.#bytes.write(id, at, ID_BYTES, 'hex')
    this.#bytes.writeUInt32LE(start, at + ID_BYTES)
    this.#bytes.writeUInt32LE(lengthBytes, at + ID_BYTES + 4)
    this.length += 1
  }

  /** `[id, start, length]` of each. */
  list(): [string, number, number][] {
    return Array.from({ length: this.length }, (_, i) => {
      const at = i * NOTE_BYTES
      return [
        this.#bytes.toString('hex', at, at + ID_BYTES),
        this.#bytes.readUInt32LE(at + ID_BYTES),
        this.#bytes.readUInt32LE(at + ID_BYTES + 4),
      ]
    })
  }
}

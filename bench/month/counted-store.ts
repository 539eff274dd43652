/** Objects in memory, with a count of what is asked: what a month costs in a bucket, in minutes. */
import type { ByteRange, ObjectStore } from '../../shared/object-store/object-store.ts'

export class CountedStore implements ObjectStore {
  readonly url = 'memory:month'
  puts = 0
  gets = 0
  storedBytes = 0
  fetchedBytes = 0
  readonly #objects = new Map<string, Buffer>()

  create(key: string, body: Buffer): Promise<'created' | 'exists'> {
    this.puts += 1
    if (this.#objects.has(key)) return Promise.resolve('exists')
    this.#objects.set(key, Buffer.from(body))
    this.storedBytes += body.length
    return Promise.resolve('created')
  }

  get(key: string, range?: ByteRange) {
    const object = this.#objects.get(key)
    if (object === undefined) return Promise.resolve(undefined)
    const body = Buffer.from(partOf(object, range))
    this.gets += 1
    this.fetchedBytes += body.length
    return Promise.resolve({ body, modifiedAt: new Date(0), sizeBytes: object.length })
  }

  /** The head of the log is the only thing that is listed here, and the writer knows it. */
  list(): Promise<never[]> {
    return Promise.resolve([])
  }

  folders(): Promise<never[]> {
    return Promise.resolve([])
  }

  delete(key: string): Promise<void> {
    this.#objects.delete(key)
    return Promise.resolve()
  }
}

function partOf(object: Buffer, range: ByteRange | undefined): Buffer {
  if (range === undefined) return object
  if ('lastBytes' in range) return object.subarray(Math.max(0, object.length - range.lastBytes))
  return object.subarray(range.offset, range.offset + range.lengthBytes)
}

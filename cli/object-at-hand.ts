/** A store that answers from memory for one object that was read whole already. */
import { resolveRange } from '../shared/object-store/byte-range.ts'
import type {
  ByteRange,
  ObjectInfo,
  ObjectStore,
  StoredObject,
} from '../shared/object-store/object-store.ts'

export class StoreWithObjectAtHand implements ObjectStore {
  readonly url: string
  readonly #store: ObjectStore
  #atHand: { readonly key: string; readonly object: StoredObject } | undefined

  constructor(store: ObjectStore) {
    this.url = store.url
    this.#store = store
  }

  /** @param object undefined: nothing is at hand. */
  hold(key: string, object: StoredObject | undefined): void {
    this.#atHand = object && { key, object }
  }

  get(key: string, range?: ByteRange): Promise<StoredObject | undefined> {
    if (this.#atHand?.key !== key) return this.#store.get(key, range)
    const { body, modifiedAt, sizeBytes } = this.#atHand.object
    const { start, end } = resolveRange(range, body.length)
    return Promise.resolve({ body: body.subarray(start, end), modifiedAt, sizeBytes })
  }

  create(key: string, body: Buffer): Promise<'created' | 'exists'> {
    return this.#store.create(key, body)
  }

  list(prefix: string, options?: { after?: string; limit?: number }): Promise<ObjectInfo[]> {
    return this.#store.list(prefix, options)
  }

  folders(prefix: string): Promise<string[]> {
    return this.#store.folders(prefix)
  }

  delete(key: string): Promise<void> {
    return this.#store.delete(key)
  }
}

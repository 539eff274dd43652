import { HoldfastError } from '../errors.ts'

/** One object as a listing shows it. `modifiedAt` is the server's time. */
export interface ObjectInfo {
  readonly key: string
  readonly sizeBytes: number
  readonly modifiedAt: Date
}

/** Part of an object: the `lengthBytes` from `offset` on, or the last `lastBytes`. */
export type ByteRange = BytesFrom | { readonly lastBytes: number }

interface BytesFrom {
  readonly offset: number
  readonly lengthBytes: number
  /**
   * Memory in which the body may come to lie, where it is large enough: memory that was used before is many times cheaper than new
   * one. Whoever gives it away uses it again only when the answer is there, and never where the call fails.
   */
  readonly room?: Buffer | undefined
}

/** What a `get` brings. `modifiedAt` is the server's time; `sizeBytes` is the whole object's size. */
export interface StoredObject {
  readonly body: Buffer
  readonly modifiedAt: Date
  readonly sizeBytes: number
}

/**
 * The narrow port to S3 and to directories. Keys are relative to the store's prefix; `object-key.ts` says what is one,
 * anything else is a `StoreRefusedError`, and objects with other names are not seen.
 * No key may be the folder of another (`a` and `a/b`): a directory cannot hold both.
 * Nothing is ever overwritten: there is no other write than `create`.
 * Every method throws a `StoreError` (below) and nothing else; `test/contract` holds every adapter to this.
 */
export interface ObjectStore {
  /** For messages: the URL that was opened, without credentials. */
  readonly url: string

  /**
   * Creates an object if its key is free, durably and atomically: of many who race, one gets
   * `created`, all others `exists`; no reader ever sees a part of it.
   * An `UnreachableError` leaves its fate open: it may have been, or yet be, created. Repeat the same bytes.
   * `exists` may mean this very call: an attempt whose answer was lost, repeated by the adapter. Where it matters
   * whose object it is, read it back and compare.
   */
  create(key: string, body: Buffer): Promise<'created' | 'exists'>

  /**
   * Reads an object, or part of it. A range that reaches past the end brings what there is; one
   * that begins at or past the end brings an empty body. Undefined when there is no such object.
   */
  get(key: string, range?: ByteRange): Promise<StoredObject | undefined>

  /** Lists the objects whose keys begin with `prefix`, in byte order of the keys, those after `after` only, `limit` at most. */
  list(prefix: string, options?: { after?: string; limit?: number }): Promise<ObjectInfo[]>

  /** The names of the "folders" directly below `prefix` (which ends in `/` or is empty), in byte order, without the slash. */
  folders(prefix: string): Promise<string[]>

  /** Removes an object; one that is not there is no fault. Only prune calls this, on credentials of its own. */
  delete(key: string): Promise<void>
}

/** The store cannot be reached, or does not answer in order (time-outs, resets, 5xx, throttling): try again later. */
export class UnreachableError extends HoldfastError {}

/** The store answers, and refuses: credentials, policy, clock skew. Never read as "there is nothing". */
export class AccessDeniedError extends HoldfastError {}

/** The bucket or directory itself is not there. */
export class NoSuchStoreError extends HoldfastError {
  override readonly exitCode = 10
}

/** Anything else that will not mend itself by trying again: a full or read-only disk, a key too long, an option the server lacks. */
export class StoreRefusedError extends HoldfastError {}

/** All that an `ObjectStore` may throw. */
export type StoreError = UnreachableError | AccessDeniedError | NoSuchStoreError | StoreRefusedError

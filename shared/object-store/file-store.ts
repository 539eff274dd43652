import { stat } from 'node:fs/promises'
import { pathToFileURL } from 'node:url'
import { HoldfastError } from '../errors.ts'
import { createDurableFolders } from './durable-folders.ts'
import { errorCode, toFileStoreError } from './file-error.ts'
import { listFolders, listObjects } from './file-listing.ts'
import { createObject, deleteObject, readObject, removeLeftOvers } from './file-object.ts'
import { checkFolder, checkKey, checkPrefix } from './object-key.ts'
import { StoreRefusedError, type ObjectStore } from './object-store.ts'

/** A store in a directory (its absolute path), which the first `create` makes. */
export function createFileStore(root: string): ObjectStore {
  const url = pathToFileURL(root).href.replace(/\/$/, '')
  const folders = createDurableFolders(root)
  let swept: Promise<void> | undefined
  return {
    url,
    create: async (key, body) => {
      checkKey(key)
      swept ??= removeLeftOvers(root)
      await swept
      return run(`create ${url}/${key}`, async () => createObject(root, folders, key, body))
    },
    get: async (key, range) => {
      checkKey(key)
      return run(`read ${url}/${key}`, () =>
        nothingAt(root, undefined, readObject(root, key, range)),
      )
    },
    list: async (prefix, options = {}) => {
      checkPrefix(prefix)
      return run(`list ${url}/${prefix}`, () =>
        nothingAt(root, [], listObjects(root, prefix, options)),
      )
    },
    folders: async (prefix) => {
      checkFolder(prefix)
      return run(`list ${url}/${prefix}`, () => nothingAt(root, [], listFolders(root, prefix)))
    },
    delete: async (key) => {
      checkKey(key)
      return run(`delete ${url}/${key}`, () => nothingAt(root, undefined, deleteObject(root, key)))
    },
  }
}

/** Runs an operation; what the system refuses in it leaves as a `StoreError` that says what was being done. */
async function run<T>(doing: string, operation: () => Promise<T>): Promise<T> {
  try {
    return await operation()
  } catch (error) {
    throw error instanceof HoldfastError ? error : toFileStoreError(error, doing)
  }
}

/** The operation's result, or `nothing` where a file stands in the way of the key's folder: no such key, then. */
async function nothingAt<T>(root: string, nothing: T, operation: Promise<T>): Promise<T> {
  try {
    return await operation
  } catch (error) {
    if (errorCode(error) !== 'ENOTDIR') throw error
    if ((await stat(root)).isDirectory()) return nothing
    throw new StoreRefusedError(`${root} is a file: a store needs a directory`, { cause: error })
  }
}

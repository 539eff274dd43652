import { HoldfastError } from '../errors.ts'
import { checkFolder, checkKey, checkPrefix } from './object-key.ts'
import type { ObjectStore } from './object-store.ts'
import { connectS3, type S3Place, type S3Timeouts } from './s3-client.ts'
import { toS3StoreError } from './s3-error.ts'
import { listFolders, listObjects } from './s3-listing.ts'
import { createObject, deleteObject, readObject } from './s3-object.ts'

export interface S3StoreOptions {
  readonly bucket: string
  /** Within the bucket: empty, or ending in a slash. */
  readonly prefix: string
  readonly timeouts?: S3Timeouts
}

/**
 * A store in a bucket, which has to exist. Nothing is asked of it yet.
 * Credentials, region and endpoint come from the AWS environment. Throws a `UsageError` when that reads wrong.
 */
export async function createS3Store(options: S3StoreOptions): Promise<ObjectStore> {
  const { bucket, prefix, timeouts = { connectMs: 5_000, idleMs: 30_000 } } = options
  const { client, endpoint } = await connectS3(timeouts)
  const place: S3Place = { client, bucket, prefix }
  const root = `s3://${bucket}/${prefix}`

  /** Runs an operation; what the SDK throws in it leaves as a `StoreError` that says what was being done. */
  async function run<T>(doing: string, operation: () => Promise<T>): Promise<T> {
    try {
      return await operation()
    } catch (error) {
      throw error instanceof HoldfastError ? error : toS3StoreError(error, doing, endpoint)
    }
  }

  return {
    url: root.replace(/\/$/, ''),
    create: async (key, body) => {
      checkKey(key)
      return run(`create ${root}${key}`, () => createObject(place, key, body))
    },
    get: async (key, range) => {
      checkKey(key)
      return run(`read ${root}${key}`, () => readObject(place, key, range))
    },
    list: async (listed, listing = {}) => {
      checkPrefix(listed)
      return run(`list ${root}${listed}`, () => listObjects(place, listed, listing))
    },
    folders: async (listed) => {
      checkFolder(listed)
      return run(`list ${root}${listed}`, () => listFolders(place, listed))
    },
    delete: async (key) => {
      checkKey(key)
      return run(`delete ${root}${key}`, () => deleteObject(place, key))
    },
  }
}

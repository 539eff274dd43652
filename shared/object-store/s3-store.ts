import { HoldfastError } from '../errors.ts'
import { checkFolder, checkKey, checkPrefix } from './object-key.ts'
import { AccessDeniedError, type ObjectStore } from './object-store.ts'
import type { HttpTimeouts } from './http-connection.ts'
import { connectS3, type S3Place } from './s3-client.ts'
import { toS3StoreError } from './s3-error.ts'
import { listFolders, listObjects } from './s3-listing.ts'
import { createObject, deleteObject, readObject } from './s3-object.ts'

export interface S3StoreOptions {
  readonly bucket: string
  /** Within the bucket: empty, or ending in a slash. */
  readonly prefix: string
  readonly timeouts?: HttpTimeouts
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
      const read = async () => run(`read ${root}${key}`, () => readObject(place, key, range))
      try {
        return await read()
      } catch (error) {
        if (!(error instanceof AccessDeniedError)) throw error
        // Listed by now, it may have been created in between: what is said of it now stands.
        return (await isNotListed(place, key)) ? undefined : read()
      }
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

/**
 * Who may list a prefix alone is told 403 of what is not there, by some servers (Ceph before 2026), where others look
 * at the prefix and say 404. The listing says which it was: it shows the whole prefix, or is refused itself.
 */
async function isNotListed(place: S3Place, key: string): Promise<boolean> {
  try {
    const first = await listObjects(place, key, { limit: 1 })
    return !first.some((object) => object.key === key)
  } catch {
    return false // not allowed to know: then the refusal to read stands
  }
}

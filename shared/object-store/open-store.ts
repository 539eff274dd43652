import type { ObjectStore } from './object-store.ts'
import { parseStoreUrl } from './store-url.ts'

/**
 * Opens `s3://bucket/prefix` or `file:///directory`. Nothing is asked of the store yet: that it is there and lets us in
 * shows with the first operation. Throws a `UsageError` for any other URL, and for an AWS environment that reads wrong.
 * Each adapter is loaded only when its kind of URL comes: the AWS SDK costs a tenth of a second and 35 MB.
 */
export async function openStore(url: string): Promise<ObjectStore> {
  const location = parseStoreUrl(url)
  if (location.kind === 'file') {
    const { createFileStore } = await import('./file-store.ts')
    return createFileStore(location.directory)
  }
  const { createS3Store } = await import('./s3-store.ts')
  return createS3Store({ bucket: location.bucket, prefix: location.prefix })
}

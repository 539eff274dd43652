import { ListObjectsV2Command, type ListObjectsV2CommandOutput } from '@aws-sdk/client-s3'
import { isKey } from './object-key.ts'
import type { ObjectInfo } from './object-store.ts'
import { wholeSeconds } from './s3-object.ts'
import type { S3Place } from './s3-client.ts'

/** S3's own limit of one answer. */
const PAGE = 1000

export async function listObjects(
  place: S3Place,
  prefix: string,
  { after, limit = Infinity }: { after?: string; limit?: number },
): Promise<ObjectInfo[]> {
  const found: ObjectInfo[] = []
  if (limit <= 0) return found
  const startAfter = after === undefined ? undefined : `${place.prefix}${after}`
  const query = { StartAfter: startAfter, MaxKeys: Math.min(limit, PAGE) }
  for await (const page of pages(place, prefix, query)) {
    for (const { Key = '', Size = 0, LastModified } of page.Contents ?? []) {
      const key = Key.slice(place.prefix.length)
      if (isKey(key)) found.push({ key, sizeBytes: Size, modifiedAt: wholeSeconds(LastModified) })
      if (found.length >= limit) return found
    }
  }
  return found
}

export async function listFolders(place: S3Place, prefix: string): Promise<string[]> {
  const names: string[] = []
  for await (const page of pages(place, prefix, { Delimiter: '/', MaxKeys: PAGE })) {
    for (const { Prefix = '' } of page.CommonPrefixes ?? []) {
      const name = Prefix.slice(place.prefix.length + prefix.length, -1)
      if (isKey(name)) names.push(name)
    }
  }
  // They come in the order of their slashes: `a-b/` before `a/`.
  return names.toSorted()
}

async function* pages(
  { client, bucket, prefix: storePrefix }: S3Place,
  prefix: string,
  query: { StartAfter?: string | undefined; Delimiter?: string; MaxKeys: number },
): AsyncGenerator<ListObjectsV2CommandOutput, void, undefined> {
  let token: string | undefined
  do {
    const page = await client.send(
      new ListObjectsV2Command({
        ...query,
        Bucket: bucket,
        Prefix: `${storePrefix}${prefix}`,
        ContinuationToken: token,
      }),
    )
    yield page
    token = page.IsTruncated === true ? page.NextContinuationToken : undefined
  } while (token !== undefined)
}

/** A tag names one version and is never moved. The version is written first, the tag second. */
import * as v from 'valibot'
import { CorruptObjectError, UsageError } from '../errors.ts'
import type { ObjectStore } from '../object-store/object-store.ts'
import type { StreamName } from '../stream-name.ts'
import { formatStreamName } from '../stream-name.ts'
import { FORMAT } from './log-record.ts'
import { tagKey, tagsPrefix } from './object-keys.ts'
import { decodeHeader, encodeObject } from './object-file.ts'

export const TagSchema = v.object({
  format: v.literal(FORMAT),
  kind: v.literal('tag'),
  stream: v.string(),
  tag: v.string(),
  version: v.pipe(v.number(), v.integer(), v.minValue(1)),
})

/** The version that a tag names; undefined when there is no such tag. */
export async function readTag(
  store: ObjectStore,
  stream: StreamName,
  tag: string,
): Promise<number | undefined> {
  const key = tagKey(stream, tag)
  const object = await store.get(key)
  if (object === undefined) return undefined
  const result = v.safeParse(TagSchema, decodeHeader(key, object.body))
  if (
    !result.success ||
    result.output.tag !== tag ||
    result.output.stream !== formatStreamName(stream)
  )
    throw new CorruptObjectError(key, 'it does not say which version the tag names')
  return result.output.version
}

/** Names a version. The same tag again for the same version is no fault; for another it is refused, naming the first. */
export async function createTag(
  store: ObjectStore,
  stream: StreamName,
  tag: string,
  version: number,
): Promise<void> {
  const header = { format: FORMAT, kind: 'tag', stream: formatStreamName(stream), tag, version }
  if ((await store.create(tagKey(stream, tag), encodeObject([], header))) === 'created') return
  const taken = await readTag(store, stream, tag)
  if (taken !== version)
    throw new UsageError(
      `the tag "${tag}" of ${formatStreamName(stream)} names v${taken ?? '?'} already; a tag is never moved: choose another`,
    )
}

/** All tags of a stream. */
export async function listTags(store: ObjectStore, stream: StreamName): Promise<string[]> {
  const prefix = tagsPrefix(stream)
  return (await store.list(prefix)).map(({ key }) => key.slice(prefix.length))
}

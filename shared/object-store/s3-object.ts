import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  PutObjectCommand,
  type GetObjectCommandOutput,
} from '@aws-sdk/client-s3'
import { setTimeout as sleep } from 'node:timers/promises'
import { checkRange, formatRange, isEmptyRange, roomIn } from './byte-range.ts'
import {
  StoreRefusedError,
  UnreachableError,
  type ByteRange,
  type StoredObject,
} from './object-store.ts'
import { describeFailure } from './s3-error.ts'
import type { RoomOptions } from './room-handler.ts'
import type { S3Place } from './s3-client.ts'

/** A conflict (409) is the store's word that another create of this key is under way: it ends at once or never. */
const CONFLICT_PAUSES_MS = [50, 100, 200, 400, 800, 1600]

export async function createObject(
  { client, bucket, prefix }: S3Place,
  key: string,
  body: Buffer,
): Promise<'created' | 'exists'> {
  const put = new PutObjectCommand({
    Bucket: bucket,
    Key: `${prefix}${key}`,
    Body: body,
    ContentLength: body.length,
    IfNoneMatch: '*',
  })
  for (let tries = 0; ; tries++) {
    try {
      await client.send(put)
      return 'created'
    } catch (error) {
      const { status } = describeFailure(error)
      if (status === 412) return await requireThere({ client, bucket, prefix }, key)
      const pauseMs = CONFLICT_PAUSES_MS[tries]
      if (status !== 409 || pauseMs === undefined) throw error
      await sleep(pauseMs)
    }
  }
}

/**
 * A refused condition is the store's word that the object is there. One that says so while an earlier attempt is still
 * under way, and then drops it, must not make anybody believe that the bytes are kept: so it is looked at.
 */
async function requireThere({ client, bucket, prefix }: S3Place, key: string): Promise<'exists'> {
  const head = new HeadObjectCommand({ Bucket: bucket, Key: `${prefix}${key}` })
  try {
    await client.send(head)
    return 'exists'
  } catch (error) {
    if (describeFailure(error).status !== 404) throw error
    throw new UnreachableError(
      `cannot create s3://${bucket}/${prefix}${key}: the store says that it exists (412), and does not have it; try again`,
      { cause: error },
    )
  }
}

export async function readObject(
  place: S3Place,
  key: string,
  range: ByteRange | undefined,
): Promise<StoredObject | undefined> {
  checkRange(range)
  if (range !== undefined && isEmptyRange(range)) {
    const found = await readObject(place, key, { offset: 0, lengthBytes: 1 })
    return found && { ...found, body: Buffer.alloc(0) }
  }
  const { client, bucket, prefix } = place
  const get = new GetObjectCommand({
    Bucket: bucket,
    Key: `${prefix}${key}`,
    Range: formatRange(range),
  })
  const options: RoomOptions = { room: roomIn(range) }
  try {
    return await readAnswer(
      await client.send(get, options),
      range,
      `s3://${bucket}/${prefix}${key}`,
    )
  } catch (error) {
    const { code, status } = describeFailure(error)
    if (status === 404 && code === 'NoSuchKey') return undefined
    if (status === 416) return readPastEnd(place, key)
    throw error
  }
}

/** The answer to a range past the end, with which a store tells neither size nor time: asks for those. */
async function readPastEnd(
  { client, bucket, prefix }: S3Place,
  key: string,
): Promise<StoredObject | undefined> {
  try {
    const head = await client.send(
      new HeadObjectCommand({ Bucket: bucket, Key: `${prefix}${key}` }),
    )
    return {
      body: Buffer.alloc(0),
      modifiedAt: wholeSeconds(head.LastModified),
      sizeBytes: head.ContentLength ?? 0,
    }
  } catch (error) {
    if (describeFailure(error).status === 404) return undefined
    throw error
  }
}

async function readAnswer(
  answer: GetObjectCommandOutput,
  range: ByteRange | undefined,
  url: string,
): Promise<StoredObject> {
  const bytes = await readBody(answer, url)
  const [, first, last, total] = /(\d+)-(\d+)\/(\d+)$/.exec(answer.ContentRange ?? '') ?? []
  if (total !== undefined && bytes.length !== Number(last) - Number(first) + 1)
    throw new UnreachableError(
      `cannot read ${url}: ${bytes.length} bytes came as ${answer.ContentRange}; try again`,
    )
  if (range !== undefined && total === undefined)
    throw new StoreRefusedError(`cannot read a part of ${url}: the store does not serve ranges`)
  return {
    body: bytes,
    modifiedAt: wholeSeconds(answer.LastModified),
    sizeBytes: total === undefined ? bytes.length : Number(total),
  }
}

/** As the bytes come, into one buffer: the SDK would copy all of them twice, and leave as much for the collector. */
async function readBody(answer: GetObjectCommandOutput, url: string): Promise<Buffer> {
  let bytes: Buffer | undefined
  let lengthBytes = 0
  for await (const part of (answer.Body ?? []) as AsyncIterable<Buffer>) {
    if (part.length === answer.ContentLength) return part
    bytes ??= Buffer.allocUnsafeSlow(answer.ContentLength ?? 0)
    part.copy(bytes, lengthBytes)
    lengthBytes += part.length
  }
  if (lengthBytes === answer.ContentLength) return bytes ?? Buffer.alloc(0)
  throw new UnreachableError(
    `cannot read ${url}: ${lengthBytes} bytes came of ${answer.ContentLength ?? 'an unknown number'} announced; try again`,
  )
}

/** HTTP tells whole seconds, some stores' listings more: one object has one time. */
export function wholeSeconds(time: Date | undefined): Date {
  if (time === undefined) throw new UnreachableError('the store did not tell the time of an object')
  return new Date(Math.floor(time.getTime() / 1000) * 1000)
}

export async function deleteObject(
  { client, bucket, prefix }: S3Place,
  key: string,
): Promise<void> {
  await client.send(new DeleteObjectCommand({ Bucket: bucket, Key: `${prefix}${key}` }))
}

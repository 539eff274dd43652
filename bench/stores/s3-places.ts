/** A Ceph RGW of its own for each case and round: what a round leaves behind weighs on no other. */
import { ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3'
import { randomUUID } from 'node:crypto'
import { readdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { askDaemon } from '../../test/support/ceph-process.ts'
import { awsEnvironment, startCeph, type CephAccess } from '../../test/support/ceph.ts'
import type { Places, Requests } from './place.ts'

export async function s3Places(): Promise<Places> {
  const { access, stop } = await startCeph()
  const socket = gatewaySocket()
  return {
    async create() {
      const prefix = randomUUID()
      return {
        holdfastUrl: `s3://${access.bucket}/${prefix}`,
        resticUrl: `s3:${access.endpoint}/${access.bucket}/${prefix}`,
        environment: awsEnvironment(access),
        storedBytes: () => storedBytes(access, prefix),
        requests: () => requestsTo(socket),
      }
    },
    close: stop,
  }
}

/** The gateway counts what it is asked: no proxy stands in the way of anybody's bytes. */
async function requestsTo(socket: string): Promise<Requests | undefined> {
  const counters = (await askDaemon(socket, 'perf dump')) as
    { rgw?: { req?: number; put?: number } } | undefined
  const { req, put } = counters?.rgw ?? {}
  return req === undefined || put === undefined ? undefined : { all: req, puts: put }
}

/** `startCeph` names its directory after this process, and there is one at a time. */
function gatewaySocket(): string {
  const folder = readdirSync(tmpdir()).find((name) => name.startsWith(`ceph-${process.pid}-`))
  return path.join(tmpdir(), folder ?? '', 'client.rgw.asok')
}

async function storedBytes(
  { endpoint, bucket, ...credentials }: CephAccess,
  prefix: string,
): Promise<number> {
  const client = new S3Client({ endpoint, region: 'us-east-1', credentials, forcePathStyle: true })
  let sum = 0
  for (let next: string | undefined, more = true; more;) {
    const page = await client.send(
      new ListObjectsV2Command({ Bucket: bucket, Prefix: `${prefix}/`, ContinuationToken: next }),
    )
    sum += (page.Contents ?? []).reduce((bytes, { Size = 0 }) => bytes + Size, 0)
    next = page.NextContinuationToken
    more = next !== undefined
  }
  client.destroy()
  return sum
}

/** Further users of the test run's Ceph: they may do nothing but what a bucket's policy lets them. */
import { execFile } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { promisify } from 'node:util'
import type { CephAccess } from './ceph.ts'

export interface CephUser {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  /** As a policy names it. */
  readonly arn: string
}

export async function createCephUser({ conf }: CephAccess): Promise<CephUser> {
  const id = randomUUID()
  const keys = { accessKeyId: `AK${randomUUID()}`, secretAccessKey: randomUUID() }
  const user = [`--uid=${id}`, `--display-name=${id}`]
  const userKeys = [`--access-key=${keys.accessKeyId}`, `--secret-key=${keys.secretAccessKey}`]
  const words = ['-c', conf, 'user', 'create', ...user, ...userKeys]
  await promisify(execFile)('radosgw-admin', words)
  return { ...keys, arn: `arn:aws:iam:::user/${id}` }
}

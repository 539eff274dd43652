import { randomUUID } from 'node:crypto'
import { inject } from 'vitest'
import { awsEnvironment } from './ceph.ts'

/**
 * The environment by which this process's children reach the test run's Ceph (`spawn(…, { env: { ...process.env, ...s3Environment() } })`).
 */
export function s3Environment(): Record<string, string> {
  return awsEnvironment(inject('ceph'))
}

/** A repository of this test's own in the test run's Ceph. From then on this process's environment reaches it. */
export function freshS3Url(): string {
  Object.assign(process.env, s3Environment())
  return `s3://${inject('ceph').bucket}/${randomUUID()}`
}

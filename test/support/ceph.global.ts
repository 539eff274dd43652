import type { TestProject } from 'vitest/node'
import { startCeph, type CephAccess } from './ceph.ts'

declare module 'vitest' {
  interface ProvidedContext {
    ceph: CephAccess
  }
}

/** One real S3 store per test run. A run without one fails here; it never passes by skipping. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const ceph = await startCeph()
  project.provide('ceph', ceph.access)
  return ceph.stop
}

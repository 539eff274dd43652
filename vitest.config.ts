import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/support/ceph.global.ts', 'test/support/attributes.global.ts'],
    // Real processes and a real S3: generous, because a slow machine is no failure.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    pool: 'forks',
    // Two at a time on a small machine; process tests start agents of their own.
    maxWorkers: 2,
  },
})

import { defineConfig } from 'vitest/config'

/** What needs a real cluster; one file at a time, because they share it. */
export default defineConfig({
  test: {
    include: ['test/cluster/**/*.cluster.ts'],
    globalSetup: ['test/cluster/support/cluster.global.ts'],
    // The table of what was seen, and then the runner's own summary.
    reporters: ['./test/cluster/support/sights-reporter.ts', 'default'],
    testTimeout: 600_000,
    hookTimeout: 300_000,
    pool: 'forks',
    maxWorkers: 1,
    fileParallelism: false,
  },
})

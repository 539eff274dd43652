import { defineConfig } from 'vitest/config'

/** What needs a real cluster, on KUBECONFIG; one file at a time, because they share it. */
export default defineConfig({
  test: {
    include: ['test/cluster/**/*.cluster.ts'],
    testTimeout: 300_000,
    hookTimeout: 300_000,
    pool: 'forks',
    maxWorkers: 1,
    fileParallelism: false,
  },
})

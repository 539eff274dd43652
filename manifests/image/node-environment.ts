/**
 * What the images set for Node: memory before speed, since a sidecar runs thousands of times.
 * - A young generation of 2 × 4 MiB: larger ones stay resident and are mostly empty.
 * - One heap of the C library for all threads, and large blocks given back when they are freed: glibc otherwise keeps a
 *   heap per thread, and raises the size from which blocks count as large.
 * - No word of Node's `punycode`, which the Kubernetes client's node-fetch still asks for: nobody can do anything about it.
 */
export const NODE_ENVIRONMENT = {
  NODE_OPTIONS: '--max-semi-space-size=4 --disable-warning=DEP0040',
  MALLOC_ARENA_MAX: '1',
  MALLOC_MMAP_THRESHOLD_: '32768',
  MALLOC_TRIM_THRESHOLD_: '131072',
} as const

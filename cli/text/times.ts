/**
 * A server's time for people, to the second and never before it: given back as `--version`, it finds the version that
 * it was printed for.
 */
export function formatTime(time: Date): string {
  return new Date(Math.ceil(time.getTime() / 1000) * 1000).toISOString().replace('.000', '')
}

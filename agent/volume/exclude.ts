import picomatch from 'picomatch'

// A matcher for the declaration's globs, which are relative to the declared path: `*.tmp` is one right there,
// `**/*.tmp` one at any depth, `cache/` a directory and all below it. What lies in an excluded directory is excluded.
export function createExclude(globs: readonly string[]): (path: string) => boolean {
  if (globs.length === 0) return () => false
  const patterns = globs.flatMap((glob) =>
    glob.endsWith('/') ? [glob.slice(0, -1), `${glob}**`] : [glob, `${glob}/**`],
  )
  // `s`: a name with a line feed in it is matched like any other.
  const matches = picomatch(patterns, { dot: true, flags: 's' })
  return (path) => path !== '' && matches(path)
}

/** Paths of one declaration against each other: none twice, none inside another. */
import { describeFound, type Fault } from './fault.ts'
import { formatPath } from './schema-faults.ts'
import type { Path, YamlText } from './yaml-text.ts'

interface PlacedPath {
  readonly path: string
  readonly place: Path
}

/** Faults between the paths of a declaration in any form; looks at every text that is there, also beside other faults. */
export function pathRelationFaults(text: YamlText): Fault[] {
  const paths = placedPaths(text.value)
  return paths.flatMap((later, index) => {
    const earlier = paths.slice(0, index).find((other) => overlap(other.path, later.path))
    return earlier === undefined ? [] : [relationFault(text, earlier, later)]
  })
}

/** Without the slash at the end. */
export function withoutTrailingSlash(path: string): string {
  return path.endsWith('/') ? path.slice(0, -1) : path
}

/** Whether `inner` is `outer` or lies below it. */
export function isAtOrBelow(inner: string, outer: string): boolean {
  return inner === outer || inner.startsWith(outer === '/' ? '/' : `${outer}/`)
}

function overlap(a: string, b: string): boolean {
  return isAtOrBelow(a, b) || isAtOrBelow(b, a)
}

function relationFault(text: YamlText, earlier: PlacedPath, later: PlacedPath): Fault {
  const fault = {
    ...text.position(later.place, 'value'),
    path: formatPath(later.place),
    found: describeFound(later.path),
  }
  if (earlier.path === later.path)
    return { ...fault, allowed: `each path once; ${formatPath(earlier.place)} is the same` }
  return {
    ...fault,
    allowed: `paths that lie apart; this and ${formatPath(earlier.place)} (${describeFound(earlier.path)}) lie in each other`,
    hint: 'a file in both would stand twice in a version, and a restore could not tell which one counts',
  }
}

function placedPaths(value: unknown): PlacedPath[] {
  const list = Array.isArray(value) ? value : (value as { paths?: unknown } | null)?.paths
  const prefix = Array.isArray(value) ? [] : ['paths']
  if (!Array.isArray(list)) return []
  return list.flatMap((entry: unknown, index) => {
    const inMap = typeof entry === 'object' && entry !== null
    const path: unknown = inMap ? (entry as { path?: unknown }).path : entry
    if (typeof path !== 'string' || !path.startsWith('/')) return []
    const place = [...prefix, index, ...(inMap ? ['path'] : [])]
    return [{ path: withoutTrailingSlash(path), place }]
  })
}

/** Is this name one of these, or below one? */
export function isAtOrBelow(name: string, tops: ReadonlySet<string>): boolean {
  if (tops.size === 0) return false
  for (let end = name.length; end > 0; end = name.lastIndexOf('/', end - 1))
    if (tops.has(name.slice(0, end))) return true
  return false
}

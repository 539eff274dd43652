/**
 * The kubelet's expansion of `$(NAME)`: `$$` is one `$` and protects what follows, an unknown name and a `$(` without
 * its end stay as they stand. Where `formatAssignment` writes `$$(`, the process sees `$(`.
 */
export function expandReferences(text: string, known: Readonly<Record<string, string>>): string {
  return text.replace(/\$\$|\$\(([^)]*)\)/g, (match, name: string | undefined) => {
    if (name === undefined) return '$'
    return Object.hasOwn(known, name) ? (known[name] ?? match) : match
  })
}

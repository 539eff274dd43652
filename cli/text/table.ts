/** Columns side by side, two spaces between them; those named in `right` are aligned there. */
export function formatTable(
  headers: readonly string[],
  rows: readonly (readonly string[])[],
  right: ReadonlySet<string> = new Set(),
): string {
  const widths = headers.map((header, i) =>
    rows.reduce((width, row) => Math.max(width, (row[i] ?? '').length), header.length),
  )
  const line = (cells: readonly string[]) =>
    headers
      .map((header, i) => {
        const cell = cells[i] ?? ''
        return right.has(header) ? cell.padStart(widths[i] ?? 0) : cell.padEnd(widths[i] ?? 0)
      })
      .join('  ')
      .trimEnd()
  return [headers, ...rows].map(line).join('\n')
}

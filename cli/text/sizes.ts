const UNITS = ['KiB', 'MiB', 'GiB', 'TiB', 'PiB']

/** `0 B`, `812 B`, `3.4 MiB`. */
export function formatBytes(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`
  let value = bytes / 1024
  let unit = 0
  for (; value >= 1023.95 && unit < UNITS.length - 1; unit += 1) value /= 1024
  return `${value.toFixed(1)} ${UNITS[unit]}`
}

/** `1 file`, `12 files`; the plural is the singular with an "s", or what is said. */
export function formatCount(count: number, singular: string, plural = `${singular}s`): string {
  return `${count} ${count === 1 ? singular : plural}`
}

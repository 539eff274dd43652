/** One number and one unit, as `500ms`, `5s`, `1h`, `14d`. */
export const DURATION = /^(\d{1,9})(ms|s|m|h|d)$/

const UNIT_MS: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** Milliseconds; undefined when `text` is no duration. */
export function parseDuration(text: string): number | undefined {
  const match = DURATION.exec(text)
  if (match === null) return undefined
  return Number(match[1]) * UNIT_MS[match[2] as string]!
}

/** The shortest way to write it: 90_000 is `90s`, 3_600_000 is `1h`. */
export function formatDuration(ms: number): string {
  if (ms === 0) return '0s'
  const units = Object.entries(UNIT_MS).toReversed()
  const [unit, size] = units.find(([name, each]) => name !== 'd' && ms % each === 0) ?? ['ms', 1]
  return `${ms / size}${unit}`
}

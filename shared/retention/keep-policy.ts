/** What `keep` means, where it comes from, and how the command line says it. */
import { parseDuration } from '../declaration/duration.ts'
import { BUILT_IN } from '../declaration/settings.ts'
import { UsageError } from '../errors.ts'
import type { Keep } from '../repository/log-record.ts'

export const HOUR_MS = 3_600_000
export const DAY_MS = 24 * HOUR_MS
const WEEK_MS = 7 * DAY_MS
const MAX_COUNT = 100_000

/** What counts where nobody says anything. */
export const DEFAULT_KEEP: Keep = {
  allMs: BUILT_IN['keep.all'],
  hourly: BUILT_IN['keep.hourly'],
  daily: BUILT_IN['keep.daily'],
  weekly: BUILT_IN['keep.weekly'],
}

/** Milliseconds for which branch ends and safety versions stay. */
export function longestSpanMs({ allMs, hourly, daily, weekly }: Keep): number {
  return Math.max(allMs, hourly * HOUR_MS, daily * DAY_MS, weekly * WEEK_MS)
}

/** Numbers of hours, days and weeks (which begin on Monday), all in UTC. */
export const hourOf = (time: Date): number => Math.floor(time.getTime() / HOUR_MS)
export const dayOf = (time: Date): number => Math.floor(time.getTime() / DAY_MS)
/** The first of January 1970 was a Thursday. */
export const weekOf = (time: Date): number => Math.floor((dayOf(time) + 3) / 7)

/** Reads `all=24h,hourly=48,daily=14,weekly=8`; what is left out is not changed. Throws a `UsageError` that names the part at fault. */
export function parseKeep(text: string): Partial<Keep> {
  const keep: { -readonly [K in keyof Keep]?: number } = {}
  for (const part of text.split(',')) {
    const [, name = '', value = ''] = /^(all|hourly|daily|weekly)=(\w+)$/.exec(part.trim()) ?? []
    const key = name === 'all' ? 'allMs' : (name as 'hourly' | 'daily' | 'weekly')
    const number = name === 'all' ? parseDuration(value) : parseCount(value)
    if (name === '' || number === undefined || key in keep)
      throw new UsageError(
        `--keep ${JSON.stringify(text)}: "${part}" is none of all=<duration>, hourly=<count>, daily=<count>, weekly=<count>, each at most once: write it as all=24h,hourly=48,daily=14,weekly=8`,
      )
    keep[key] = number
  }
  return keep
}

function parseCount(text: string): number | undefined {
  const count = Number(text)
  return /^\d{1,6}$/.test(text) && count <= MAX_COUNT ? count : undefined
}

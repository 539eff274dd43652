import { UsageError } from './errors.ts'

/** What `holdfast.dev/restore` and `--version` may say. */
export type Pin =
  | { readonly kind: 'version'; readonly number: number }
  | { readonly kind: 'latest' }
  | { readonly kind: 'fresh' }
  | { readonly kind: 'time'; readonly time: Date }
  | { readonly kind: 'tag'; readonly tag: string }

const VERSION = /^v[1-9][0-9]{0,11}$/
const TIME = /^(\d{4})(\d{2})(\d{2})T(\d{2})(\d{2})(\d{2})Z$/
/** Kubernetes' rule for a label value. */
const LABEL_VALUE = /^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$/
/** Reads like a version or a time, but is none: more likely a slip of the finger than a tag. */
const LOOKS_LIKE_VERSION = /^v\d+$/i
const LOOKS_LIKE_TIME = /^\d{8}T\d{0,6}Z?$/i

/** Reads a pin. Throws a `UsageError` that says what was found and what is allowed. */
export function parsePin(text: string): Pin {
  if (text === 'latest') return { kind: 'latest' }
  if (text === 'fresh') return { kind: 'fresh' }
  if (VERSION.test(text)) return { kind: 'version', number: Number(text.slice(1)) }
  const time = parseTime(text)
  if (time !== undefined) return { kind: 'time', time }
  const problem = tagProblem(text)
  if (problem === undefined) return { kind: 'tag', tag: text }
  throw new UsageError(
    `"${text}" names no version: ${problem}; allowed are v42, latest, fresh, a tag, or a time (UTC) as 20261120T141500Z`,
  )
}

/** Undefined when `text` may be a tag, else why not. A tag never reads as a version, `latest`, `fresh` or a time. */
export function tagProblem(text: string): string | undefined {
  if (text === 'latest' || text === 'fresh') return `"${text}" has a meaning of its own`
  if (LOOKS_LIKE_VERSION.test(text)) return 'it reads like a version number (v1, v2, …)'
  if (LOOKS_LIKE_TIME.test(text)) return 'it reads like a time'
  if (!LABEL_VALUE.test(text))
    return 'a tag is a label value: letters, digits, ".", "_" and "-", beginning and ending with a letter or digit, 63 at most'
  return undefined
}

/** Reads `20261120T141500Z`; undefined when it is no time, or a day that does not exist. */
function parseTime(text: string): Date | undefined {
  const match = TIME.exec(text)
  if (match === null) return undefined
  const [year, month, day, hour, minute, second] = match.slice(1).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ]
  const time = new Date(Date.UTC(year, month - 1, day, hour, minute, second))
  return formatPinTime(time) === text ? time : undefined
}

/** A time as a pin says it: `20261120T141500Z`. */
export function formatPinTime(time: Date): string {
  return time.toISOString().replaceAll(/[-:]|\.\d{3}/g, '')
}

/** The pair of pin and `restore-request` as the log records it: `v42`, or `v42/<restore-request>`. */
export function requestText(pin: string, restoreRequest: string | null): string {
  return restoreRequest === null ? pin : `${pin}/${restoreRequest}`
}

/** Does what `requestText` made ask for `latest`? */
export function asksForLatest(request: string): boolean {
  return request === 'latest' || request.startsWith('latest/')
}

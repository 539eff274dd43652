/**
 * The texts that a declaration is made of. The message of each check is what is *allowed*, as the middle of
 * a sentence: faults repeat it.
 */
import picomatch from 'picomatch'
import * as v from 'valibot'
import { parseStoreUrl } from '../object-store/store-url.ts'
import { streamPartProblem } from '../stream-name.ts'
import { DURATION, formatDuration, parseDuration } from './duration.ts'

/** The kernel's PATH_MAX. */
const PATH_LENGTH = 4096
/** Enough for every pattern that a person writes; keeps the matcher's regular expression small. */
const GLOB_LENGTH = 256
/** Segments without NUL and control characters, none of them `.` or `..`; a slash at the end is let pass. */
// oxlint-disable-next-line no-control-regex -- control characters are what it keeps out
const ABSOLUTE_PATH = /^(\/(?!\.{1,2}(\/|$))[^/\u0000-\u001f\u007f]+)+\/?$/
const PATH_ALLOWED =
  'an absolute path below "/", as /var/lib/shop, with no empty, "." or ".." part and no control characters'
const CONTAINER_NAME = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/
const LOCAL_URL = /^http:\/\/(localhost|127\.0\.0\.1|\[::1\])(:\d{1,5})?(\/\S*)?$/

export const PathText = v.pipe(
  v.string(PATH_ALLOWED),
  v.maxLength(PATH_LENGTH, `a path of ${PATH_LENGTH} characters at most`),
  v.regex(ABSOLUTE_PATH, PATH_ALLOWED),
  v.description('An absolute, normalised path that lies on a volume of the pod.'),
)

export const AppName = v.pipe(
  v.string('a name in quotes, as "shop"'),
  v.check(
    (text) => streamPartProblem(text) === undefined,
    'a Kubernetes name: lower-case letters, digits, "-" and ".", beginning and ending with a letter or digit, 253 at most',
  ),
  v.description("Default: the owning workload's name. It is a part of the stream's name."),
)

export const ContainerName = v.pipe(
  v.string("a container's name"),
  v.regex(
    CONTAINER_NAME,
    'a container\'s name: lower-case letters, digits and "-", 63 at most, as in the pod',
  ),
  v.description('Default: the container that mounts the path.'),
)

const GLOB_ALLOWED =
  'a pattern relative to the path, as "**/*.tmp" or "cache/": no "/" or "!" at the beginning, no "..", brackets closed'

export const ExcludeGlob = v.pipe(
  v.string(GLOB_ALLOWED),
  v.minLength(1, GLOB_ALLOWED),
  v.maxLength(GLOB_LENGTH, `a pattern of ${GLOB_LENGTH} characters at most`),
  v.check(isGlob, GLOB_ALLOWED),
)

function isGlob(text: string): boolean {
  if (/^[/!]/.test(text) || text.includes('\0') || text.split('/').includes('..')) return false
  try {
    picomatch.makeRe(text, { strictBrackets: true })
    return true
  } catch {
    return false
  }
}

/** Text as `5s` in, milliseconds out; both bounds are allowed. */
export function durationBetween(minMs: number, maxMs: number, description: string) {
  const allowed = `a duration from ${formatDuration(minMs)} to ${formatDuration(maxMs)}: a whole number and ms, s, m, h or d, as "5s"`
  return v.pipe(
    v.string(allowed),
    v.regex(DURATION, allowed),
    v.check((text) => {
      const ms = parseDuration(text)
      return ms === undefined || (ms >= minMs && ms <= maxMs)
    }, allowed),
    v.description(description),
    v.transform((text) => parseDuration(text) as number),
  )
}

export function countUpTo(max: number, description: string) {
  const allowed = `a whole number from 0 to ${max}`
  return v.pipe(
    v.number(allowed),
    v.integer(allowed),
    v.minValue(0, allowed),
    v.maxValue(max, allowed),
    v.description(description),
  )
}

export const LocalUrl = v.pipe(
  v.string('a URL on this pod, as "http://localhost:8080/freeze"'),
  v.regex(
    LOCAL_URL,
    'a URL on this pod: http, and the host localhost, 127.0.0.1 or [::1], as "http://localhost:8080/freeze"',
  ),
  v.check(
    (text) => !LOCAL_URL.test(text) || URL.canParse(text),
    'a URL whose port is 65535 at most, as "http://localhost:8080/freeze"',
  ),
)

const YesOrNo = v.boolean('true or false')

export function yesOrNo(description: string) {
  return v.pipe(YesOrNo, v.description(description))
}

/** The pattern is for the JSON Schema; the store's own reader decides. */
export const StoreUrl = v.pipe(
  v.string('a URL as s3://bucket/prefix or file:///directory'),
  v.regex(
    /^(s3:\/\/[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](\/\S*)?|file:\/\/\/\S+)$/,
    'a URL as s3://bucket/prefix or file:///directory',
  ),
  v.check(isStoreUrl, 'a URL as s3://bucket/prefix or file:///directory, without credentials'),
  v.description('The URL of the repository.'),
)

function isStoreUrl(text: string): boolean {
  try {
    parseStoreUrl(text)
    return true
  } catch {
    return false
  }
}

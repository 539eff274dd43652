/** Flags' values, read once at the door. Each throws a `UsageError` that says what was found and what is allowed. */
import { parseDuration } from '../shared/declaration/duration.ts'
import { UsageError } from '../shared/errors.ts'
import type { Pin } from '../shared/pin.ts'
import { parsePin, tagProblem } from '../shared/pin.ts'
import type { RecordedImage } from '../shared/repository/log-record.ts'
import { streamPartProblem } from '../shared/stream-name.ts'

/** Milliseconds, at least 1. */
export function durationValue(flag: string): (text: string) => number {
  return (text) => {
    const ms = parseDuration(text)
    if (ms !== undefined && ms > 0) return ms
    throw new UsageError(
      `${flag} ${JSON.stringify(text)} is no duration: write a number and a unit, as 500ms, 5s or 2m`,
    )
  }
}

/** `v3`, `latest`, a tag, or a time, also as `holdfast versions` prints it. */
export function pinValue(text: string): Pin {
  return parsePin(
    /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(text) ? text.replaceAll(/[-:]/g, '') : text,
  )
}

export function tagValue(text: string): string {
  const problem = tagProblem(text)
  if (problem === undefined) return text
  throw new UsageError(`--tag ${JSON.stringify(text)} is no tag: ${problem}`)
}

/** `NAME=REF`; may be given several times, once for each container. */
export function imageValue(text: string, before: readonly RecordedImage[]): RecordedImage[] {
  const [, container, image] = /^([a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)=(\S+)$/.exec(text) ?? []
  if (container === undefined || image === undefined)
    throw new UsageError(
      `--image ${JSON.stringify(text)} is no image: write the container's name and its image, as shop=registry.example.com/shop:1.4`,
    )
  if (before.some((other) => other.container === container))
    throw new UsageError(`--image ${container} is given twice: a container has one image`)
  return [...before, { container, image }]
}

export function textsValue(flag: string): (text: string, before: readonly string[]) => string[] {
  return (text, before) => {
    if (text === '' || text.includes('\0'))
      throw new UsageError(`${flag} is empty: say what it shall be, or leave it out`)
    return [...before, text]
  }
}

export function directoryValue(text: string): string {
  if (text !== '') return text
  throw new UsageError('--to is empty: name the directory to restore into')
}

export function namespaceValue(text: string): string {
  const problem = streamPartProblem(text)
  if (problem === undefined) return text
  throw new UsageError(`--namespace ${JSON.stringify(text)} ${problem}`)
}

export function limitValue(text: string): number {
  const limit = Number(text)
  if (/^\d{1,9}$/.test(text) && limit > 0) return limit
  throw new UsageError(`--limit ${JSON.stringify(text)} is no number of versions: 1 or more`)
}

/** `5%`, `0.5%`; percent, above 0. */
export function sampleValue(text: string): number {
  const percent = Number(/^(\d{1,3}(?:\.\d{1,2})?)%$/.exec(text)?.[1])
  if (percent > 0 && percent <= 100) return percent
  throw new UsageError(
    `--sample ${JSON.stringify(text)} is no share: write percent, above 0, as 5% or 0.5%`,
  )
}

export function seedValue(text: string): number {
  const seed = Number(text)
  if (/^\d{1,10}$/.test(text) && seed < 2 ** 32) return seed
  throw new UsageError(
    `--seed ${JSON.stringify(text)} is no seed: a number below ${2 ** 32}, as verify prints it`,
  )
}

/** At least 1. */
export function countValue(flag: string): (text: string) => number {
  return (text) => {
    if (/^[1-9]\d{0,11}$/.test(text)) return Number(text)
    throw new UsageError(
      `${flag} ${JSON.stringify(text)} is no number of versions: give the value that was printed`,
    )
  }
}

export function noteValue(text: string): string {
  if (text.length <= 1000) return text
  throw new UsageError(`--note has ${text.length} characters, 1000 are allowed`)
}

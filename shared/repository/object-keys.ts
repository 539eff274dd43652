/**
 * Every key of a repository is spelled here (docs/format.md has the reasons):
 *
 *   v1/streams/<namespace>/<app>/<slot>/versions/<10^12 - n, 12 digits>-v<n>   the log: versions and records
 *   v1/streams/<namespace>/<app>/<slot>/packs/<32 hex digits>                  bytes of many files
 *   v1/streams/<namespace>/<app>/<slot>/tags/<tag>                             a name for one version, never moved
 *
 * Newest first: a listing of one key under `versions/` is the head of the log.
 */
import { randomBytes } from 'node:crypto'
import type { StreamName } from '../stream-name.ts'
import { formatStreamName } from '../stream-name.ts'

export const STREAMS_PREFIX = 'v1/streams/'
/** One more than the highest number that a log may hold. */
const NUMBERS_END = 10 ** 12
const VERSION_KEY = /\/versions\/(\d{12})-v(\d+)$/

export function streamPrefix(stream: StreamName): string {
  return `${STREAMS_PREFIX}${formatStreamName(stream)}/`
}

export function versionsPrefix(stream: StreamName): string {
  return `${streamPrefix(stream)}versions/`
}

export function versionKey(stream: StreamName, number: number): string {
  if (!Number.isInteger(number) || number < 1 || number >= NUMBERS_END)
    throw new RangeError(`${number} is no number of a log: 1 to ${NUMBERS_END - 1}`)
  return `${versionsPrefix(stream)}${String(NUMBERS_END - number).padStart(12, '0')}-v${number}`
}

/** The number in a version's key; undefined for any other key. */
export function numberOfVersionKey(key: string): number | undefined {
  const match = VERSION_KEY.exec(key)
  if (match === null) return undefined
  const number = Number(match[2])
  return NUMBERS_END - number === Number(match[1]) ? number : undefined
}

export function packsPrefix(stream: StreamName): string {
  return `${streamPrefix(stream)}packs/`
}

/** A pack is never named by its content: an upload that was pruned must not be taken for one that stands. */
export function newPackName(): string {
  return randomBytes(16).toString('hex')
}

/** Where a chunk's pack lies: `v42` is the version object itself (small commits carry their bytes), else a pack. */
export function packKey(stream: StreamName, pack: string): string {
  return pack.startsWith('v')
    ? versionKey(stream, Number(pack.slice(1)))
    : packsPrefix(stream) + pack
}

export function tagsPrefix(stream: StreamName): string {
  return `${streamPrefix(stream)}tags/`
}

export function tagKey(stream: StreamName, tag: string): string {
  return tagsPrefix(stream) + tag
}

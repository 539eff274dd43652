/**
 * Every key of a repository is spelled here (docs/format.md has the reasons):
 *
 *   v1/streams/<namespace>/<app>/<slot>/versions/<10^12 - n, 12 digits>-v<n>   the log: versions and records
 *   v1/streams/<namespace>/<app>/<slot>/packs/<32 hex digits>                  bytes of many files
 *   v1/streams/<namespace>/<app>/<slot>/tags/<tag>                             a name for one version, never moved
 *   v1/streams/<namespace>/<app>/<slot>/verdicts/<counted down>-<what>         what a run of verify found
 *   v1/streams/<namespace>/<app>/<slot>/damaged/<pack or v<n>>/<16 hex digits> what is lost in one object
 *   v1/keys/<namespace>/<10^12 - n, 12 digits>-w<n>                            a namespace's data key, wrapped
 *   v1/streams/<namespace>/<app>/<slot>/holds/v<n>                             a version that prune may not touch
 *   v1/streams/<namespace>/<app>/<slot>/prune/<10^12 - k, 12 digits>-p<k>      what prune is about to remove, and has removed
 *   v1/streams/<namespace>/<app>/<slot>/moved/<pack>                           where the frames of a compacted pack lie now
 *   v1/streams/<namespace>/<app>/<slot>/clock/<32 hex digits>                  asks the server for its time; removed at once
 *
 * Newest first: a listing of one key under `versions/` is the head of the log.
 */
import { randomBytes } from 'node:crypto'
import type { StreamName } from '../stream-name.ts'
import { formatStreamName } from '../stream-name.ts'

export const STREAMS_PREFIX = 'v1/streams/'
export const KEYS_PREFIX = 'v1/keys/'
/** One more than the highest number that a log may hold. */
const NUMBERS_END = 10 ** 12
const VERSION_KEY = /\/versions\/(\d{12})-v(\d+)$/
const WRAP_KEY = /^v1\/keys\/[^/]+\/(\d{12})-w(\d+)$/

export function streamPrefix(stream: StreamName): string {
  return `${STREAMS_PREFIX}${formatStreamName(stream)}/`
}

/** Below it lie the folders of an app's slots. */
export function appPrefix({ namespace, app }: Omit<StreamName, 'slot'>): string {
  return `${STREAMS_PREFIX}${namespace}/${app}/`
}

export function versionsPrefix(stream: StreamName): string {
  return `${streamPrefix(stream)}versions/`
}

export function versionKey(stream: StreamName, number: number): string {
  return `${versionsPrefix(stream)}${countedDown(number)}-v${number}`
}

function countedDown(number: number): string {
  if (!Number.isInteger(number) || number < 1 || number >= NUMBERS_END)
    throw new RangeError(`${number} is no number of a log: 1 to ${NUMBERS_END - 1}`)
  return String(NUMBERS_END - number).padStart(12, '0')
}

/** The number in a version's key; undefined for any other key. */
export function numberOfVersionKey(key: string): number | undefined {
  return numberOf(VERSION_KEY.exec(key))
}

/** The number as it is counted down, and as people read it: both must agree. */
function numberOf(match: RegExpExecArray | null): number | undefined {
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

export function wrapsPrefix(namespace: string): string {
  return `${KEYS_PREFIX}${namespace}/`
}

export function wrapKey(namespace: string, number: number): string {
  return `${wrapsPrefix(namespace)}${countedDown(number)}-w${number}`
}

/** The number in a wrap's key; undefined for any other key. */
export function numberOfWrapKey(key: string): number | undefined {
  return numberOf(WRAP_KEY.exec(key))
}

export function verdictsPrefix(stream: StreamName): string {
  return `${streamPrefix(stream)}verdicts/`
}

/** What a verdict's key says, so that a listing alone tells most of it. */
export interface VerdictFacts {
  /** Verdicts of a stream are numbered from 1. */
  readonly number: number
  /** The lowest and the highest version that it is about; all between them that there are, too. */
  readonly from: number
  readonly to: number
  /** Of the chunks, at least; 100: every byte was read. */
  readonly percent: number
  readonly sound: boolean
}

const VERDICT_KEY =
  /\/verdicts\/(\d{12})-v([1-9]\d{0,11})-v([1-9]\d{0,11})-(all|sample-\d{1,2}(?:\.\d{1,2})?)-(sound|damaged)$/

/** `…/verdicts/999999999999-v2-v57-sample-5-damaged`: newest first. */
export function verdictKey(stream: StreamName, facts: VerdictFacts): string {
  const { number, from, to, percent, sound } = facts
  const counted = String(NUMBERS_END - number).padStart(12, '0')
  const share = percent === 100 ? 'all' : `sample-${percent}`
  return `${verdictsPrefix(stream)}${counted}-v${from}-v${to}-${share}-${sound ? 'sound' : 'damaged'}`
}

/** Undefined for any other key. */
export function factsOfVerdictKey(key: string): VerdictFacts | undefined {
  const [, counted, from, to, share = '', found] = VERDICT_KEY.exec(key) ?? []
  if (found === undefined) return undefined
  return {
    number: NUMBERS_END - Number(counted),
    from: Number(from),
    to: Number(to),
    percent: share === 'all' ? 100 : Number(share.slice('sample-'.length)),
    sound: found === 'sound',
  }
}

export function damagedPrefix(stream: StreamName): string {
  return `${streamPrefix(stream)}damaged/`
}

/** @param digest of what the notice says: the same finding is noted once, a further one beside it. */
export function damagedKey(stream: StreamName, pack: string, digest: string): string {
  return `${damagedPrefix(stream)}${pack}/${digest}`
}

/** The object that a notice is about, as chunks name it; undefined for any other key. */
export function packOfDamagedKey(key: string): string | undefined {
  return /\/damaged\/([0-9a-f]{32}|v[1-9]\d{0,11})\/[0-9a-f]{16}$/.exec(key)?.[1]
}

export function holdsPrefix(stream: StreamName): string {
  return `${streamPrefix(stream)}holds/`
}

export function holdKey(stream: StreamName, number: number): string {
  return `${holdsPrefix(stream)}v${number}`
}

/** The number in a hold's key; undefined for any other key. */
export function numberOfHoldKey(key: string): number | undefined {
  const match = /\/holds\/v([1-9]\d{0,11})$/.exec(key)
  return match === null ? undefined : Number(match[1])
}

export function prunePrefix(stream: StreamName): string {
  return `${streamPrefix(stream)}prune/`
}

/** Newest first, as the log. */
export function pruneKey(stream: StreamName, number: number): string {
  return `${prunePrefix(stream)}${countedDown(number)}-p${number}`
}

/** The number in a prune record's key; undefined for any other key. */
export function numberOfPruneKey(key: string): number | undefined {
  return numberOf(/\/prune\/(\d{12})-p([1-9]\d{0,11})$/.exec(key))
}

export function movedPrefix(stream: StreamName): string {
  return `${streamPrefix(stream)}moved/`
}

export function movedKey(stream: StreamName, pack: string): string {
  return movedPrefix(stream) + pack
}

export function clockPrefix(stream: StreamName): string {
  return `${streamPrefix(stream)}clock/`
}

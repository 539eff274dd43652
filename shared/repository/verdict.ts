/**
 * What runs of `verify` found, one object for each run over a stream: a verdict for every version that it covers. The
 * key tells nearly all, so that one LIST says of each version when it was verified; only where damage was found is the
 * object read, too. Not an object per version: at a commit every five seconds these would be more requests than the
 * verification itself.
 */
import * as v from 'valibot'
import { keyIdOfHeader } from '../encryption/sealed-header.ts'
import type { StreamVaults } from '../encryption/stream-vaults.ts'
import type { Vault } from '../encryption/vault.ts'
import { CorruptObjectError } from '../errors.ts'
import type { ObjectStore } from '../object-store/object-store.ts'
import type { StreamName } from '../stream-name.ts'
import { formatStreamName } from '../stream-name.ts'
import { FORMAT, SEALED_FORMAT } from './log-record.ts'
import { decodeHeader, encodeObject } from './object-file.ts'
import type { VerdictFacts } from './object-keys.ts'
import { factsOfVerdictKey, verdictKey, verdictsPrefix } from './object-keys.ts'

const Count = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(Number.MAX_SAFE_INTEGER))
const Version = v.pipe(Count, v.minValue(1))

/** What is lost in the versions from one to another (those that there are between them). */
const DamagedSchema = v.object({
  from: Version,
  to: Version,
  /** Why nothing of them can be read; null where only files are lost. */
  problem: v.nullable(v.string()),
  /** How many files are lost; `lost` names the first of them. */
  files: Count,
  lost: v.array(v.object({ path: v.string(), why: v.string() })),
})
export type DamagedVersions = v.InferOutput<typeof DamagedSchema>

export const VerdictSchema = v.object({
  format: v.picklist([FORMAT, SEALED_FORMAT]),
  kind: v.literal('verdict'),
  stream: v.string(),
  from: Version,
  to: Version,
  percent: v.pipe(v.number(), v.gtValue(0), v.maxValue(100)),
  /** What the random choice began with; null when everything was read. */
  seed: v.nullable(Count),
  checked: v.object({ versions: Count, chunks: Count, ofChunks: Count, bytes: Count }),
  damaged: v.array(DamagedSchema),
})
export type Verdict = v.InferOutput<typeof VerdictSchema>
export type NewVerdict = Omit<Verdict, 'format' | 'kind' | 'stream'>

/** More names do not go into a verdict: it stays small. How many files are lost, it always says. */
const LISTED_FILES = 1000

export interface ListedVerdict extends VerdictFacts {
  readonly key: string
  /** The server's time. */
  readonly at: Date
}

/** Newest first. */
export async function listVerdicts(
  store: ObjectStore,
  stream: StreamName,
): Promise<ListedVerdict[]> {
  const objects = await store.list(verdictsPrefix(stream))
  return objects.flatMap(({ key, modifiedAt }) => {
    const facts = factsOfVerdictKey(key)
    return facts === undefined ? [] : { ...facts, key, at: modifiedAt }
  })
}

/**
 * Writes a verdict under the next free number. Returns its key.
 * @param vault hides the names of files.
 */
export async function recordVerdict(
  store: ObjectStore,
  stream: StreamName,
  verdict: NewVerdict,
  vault: Vault,
): Promise<string> {
  const { from, to, percent, damaged } = verdict
  const header = {
    format: FORMAT,
    kind: 'verdict',
    stream: formatStreamName(stream),
    ...verdict,
    damaged: firstNames(damaged),
  }
  const body = encodeObject([], vault.sealHeader(header, 'damaged'))
  const [newest] = await store.list(verdictsPrefix(stream), { limit: 1 })
  let number = newest === undefined ? 0 : (factsOfVerdictKey(newest.key)?.number ?? 0)
  for (;;) {
    number += 1
    const facts = { number, from, to, percent, sound: damaged.length === 0 }
    const key = verdictKey(stream, facts)
    // Two runs at once may share a number, or leave the same verdict twice: neither hides the other.
    if ((await store.create(key, body)) === 'created') return key
  }
}

function firstNames(damaged: readonly DamagedVersions[]): DamagedVersions[] {
  let left = LISTED_FILES
  return damaged.map((each) => {
    const lost = each.lost.slice(0, left)
    left -= lost.length
    return { ...each, lost }
  })
}

/** Throws `CorruptObjectError`, also when the object has gone; `WrongKeyError` where it is sealed with another key. */
export async function readVerdict(
  store: ObjectStore,
  stream: StreamName,
  key: string,
  vaults: StreamVaults,
): Promise<Verdict> {
  const object = await store.get(key)
  if (object === undefined) throw new CorruptObjectError(key, 'it is not there any more')
  const header = decodeHeader(key, object.body)
  const vault = await vaults.reading(keyIdOfHeader(header))
  const result = v.safeParse(VerdictSchema, vault.openHeader(key, header))
  if (!result.success || result.output.stream !== formatStreamName(stream))
    throw new CorruptObjectError(key, 'it does not say what a verification found')
  return result.output
}

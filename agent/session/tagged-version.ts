/** The answer to `holdfast.dev/backup`: one version for each tag. The version is written first, the tag second. */
import { CorruptObjectError, HoldfastError } from '../../shared/errors.ts'
import { untilReachable } from '../../shared/patience.ts'
import { readDamage } from '../../shared/repository/damage.ts'
import type { LogRecord } from '../../shared/repository/log-record.ts'
import { createTag, readTag } from '../../shared/repository/tags.ts'
import type { VersionLog } from '../../shared/repository/version-log.ts'
import type { CommitResult, Committer, TakeCapture } from './committer.ts'
import type { Context } from './context.ts'

/** So far back a crash may have left a version that says its tag while no tag names it. */
const MAX_PARENTS = 8

export interface TaggedSeams {
  readonly committer: Committer
  readonly take: TakeCapture
  /** It is durable, and has yet to be named. */
  readonly onCommitted: (result: CommitResult) => void
}

/** Makes a version with this tag, and resolves to its number; the same tag again is the same request. */
export async function makeTagged(
  context: Context,
  tag: string,
  { committer, take, onCommitted }: TaggedSeams,
): Promise<number> {
  const { state, step } = context
  const known = await findTagged(context, tag, committer.standing.parent)
  if (known !== undefined) return known
  await learnDamage(context, committer)
  state.distrustHints()
  const result = await committer.commit(take, { reason: 'backup', tag, always: true })
  if (result === undefined) throw new HoldfastError(state.whyNot ?? 'nothing could be captured')
  onCommitted(result)
  await step('backup committed')
  await nameVersion(context, tag, result.n)
  return result.n
}

/** What verify has found to be lost since the start is shipped again with this version. */
async function learnDamage(
  { store, writer, patience, state }: Context,
  committer: Committer,
): Promise<void> {
  const damage = await untilReachable(() => readDamage(store, writer.log.stream), patience)
  await committer.avoid(damage)
  state.doubtDamaged(committer.held)
}

/**
 * The version that a tag names. Where a crash came between version and tag, the version is among the last that `from`
 * continues: the tag is made good. Undefined: there is none yet.
 */
async function findTagged(
  { store, writer, patience }: Context,
  tag: string,
  from: number,
): Promise<number | undefined> {
  const { log } = writer
  const known = await untilReachable(() => readTag(store, log.stream, tag), patience)
  if (known !== undefined) return known
  for (let n = from, links = 0; n !== 0 && links < MAX_PARENTS; links += 1) {
    const at = n
    const record = await untilReachable(() => readableRecord(log, at), patience)
    if (record?.kind !== 'version') return undefined
    if (record.tag === tag) {
      await nameVersion({ store, writer, patience }, tag, at)
      return at
    }
    n = record.parent
  }
  return undefined
}

/** Names a version, for good. */
async function nameVersion(
  { store, writer, patience }: Pick<Context, 'store' | 'writer' | 'patience'>,
  tag: string,
  version: number,
): Promise<void> {
  await untilReachable(() => createTag(store, writer.log.stream, tag, version), patience)
}

/** What is damaged cannot say its tag: the request is answered by a version of its own. */
async function readableRecord(log: VersionLog, n: number): Promise<LogRecord | undefined> {
  try {
    return (await log.record(n))?.record
  } catch (error) {
    if (error instanceof CorruptObjectError) return undefined
    throw error
  }
}

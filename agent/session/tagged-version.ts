/** The answer to `holdfast.dev/backup`: one version for each tag. The version is written first, the tag second. */
import { CorruptObjectError } from '../../shared/errors.ts'
import { untilReachable } from '../../shared/patience.ts'
import type { LogRecord } from '../../shared/repository/log-record.ts'
import { createTag, readTag } from '../../shared/repository/tags.ts'
import type { VersionLog } from '../../shared/repository/version-log.ts'
import type { Context } from './context.ts'

/** So far back a crash may have left a version that says its tag while no tag names it. */
const MAX_PARENTS = 8

/**
 * The version that a tag names. Where a crash came between version and tag, the version is among the last that `from`
 * continues: the tag is made good. Undefined: there is none yet.
 */
export async function findTagged(
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
export async function nameVersion(
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

/** What `holdfast replicate` is told, and the check of it that needs the store. */
import { UsageError } from '../shared/errors.ts'
import type { Keep, RecordedImage } from '../shared/repository/log-record.ts'
import { readTag } from '../shared/repository/tags.ts'
import type { StreamName } from '../shared/stream-name.ts'
import { formatStreamName } from '../shared/stream-name.ts'
import type { OpenRepository } from './repository.ts'
import type { CommonOptions } from './surroundings.ts'

export interface ReplicateOptions extends CommonOptions {
  readonly stream: StreamName
  readonly path: readonly string[]
  readonly exclude: readonly string[]
  readonly within: number
  readonly once: boolean
  readonly image: readonly RecordedImage[]
  /** What is left out is as by default. */
  readonly keep: Partial<Keep>
  readonly tag?: string
}

/** A tag is never moved: one that is taken is refused before anything is made. Throws `UsageError`. */
export async function refuseTakenTag(
  { store }: OpenRepository,
  { stream, tag }: ReplicateOptions,
): Promise<void> {
  if (tag === undefined) return
  const taken = await readTag(store, stream, tag)
  if (taken !== undefined)
    throw new UsageError(
      `the tag "${tag}" of ${formatStreamName(stream)} names v${taken} already; a tag is never moved: choose another`,
    )
}

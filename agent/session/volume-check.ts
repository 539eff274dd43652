/** What the marks say before anything is written: is the volume this stream's, and is it the head of its line, or newer? */
import { existsSync } from 'node:fs'
import { HoldfastError } from '../../shared/errors.ts'
import { formatStreamName } from '../../shared/stream-name.ts'
import type { VolumeRoot } from '../volume/layout.ts'
import type { Mark } from '../volume/mark.ts'
import { VolumeError } from '../volume/mark.ts'
import type { Context } from './context.ts'
import type { LineageState } from './lineage.ts'
import { isAhead } from './lineage.ts'

/** The volume is another stream's, or continues a log that is not this one: people must say what is right. */
export class ForeignVolumeError extends HoldfastError {}

export interface VolumeCheck {
  /** Volumes that are the head of the line, or newer: they stay. */
  readonly ahead: readonly VolumeRoot[]
  /** Volumes that are not: the log wins. */
  readonly behind: readonly VolumeRoot[]
  /** A restore is half done in one of them: what they hold is no state of the app. */
  readonly dirty: boolean
  readonly marked: boolean
}

/** Throws `ForeignVolumeError`, and `VolumeError` for one that is not mounted. */
export async function checkVolumes(context: Context, line: LineageState): Promise<VolumeCheck> {
  for (const { at } of context.state.layout.volumes)
    if (!existsSync(at))
      throw new VolumeError(`the volume at ${at} is not there: nothing starts before it is mounted`)
  const ahead: VolumeRoot[] = []
  const behind: VolumeRoot[] = []
  const marks = context.state.marks()
  for (const { volume, mark } of marks) {
    if (mark !== undefined) await requireOwn(context, volume, mark)
    const isHead = await isAhead(context.writer.log, line, mark)
    if (isHead) ahead.push(volume)
    else behind.push(volume)
  }
  return {
    ahead,
    behind,
    dirty: marks.some(({ mark }) => mark?.dirty === true),
    marked: marks.some(({ mark }) => mark !== undefined),
  }
}

async function requireOwn({ writer }: Context, volume: VolumeRoot, mark: Mark): Promise<void> {
  const stream = formatStreamName(writer.log.stream)
  if (mark.stream !== stream)
    throw new ForeignVolumeError(
      `the volume at ${volume.at} belongs to stream ${mark.stream}, this pod's is ${stream}: a clone, or the wrong claim; to make it this stream's, remove ${volume.at}/.holdfast`,
    )
  const found = (await writer.log.record(mark.open))?.record
  if (found?.writer !== mark.writer)
    throw new ForeignVolumeError(
      `the volume at ${volume.at} continues v${mark.open} of ${stream}, which the repository does not have: another bucket, or one that was set back; to start from what the repository has, remove ${volume.at}/.holdfast (what the volume holds is saved as a version first)`,
    )
}

/**
 * The mark: a small file in the root of each volume, outside every version. It says whose writing the volume's
 * content continues; a dirty one says that a restore is half done there.
 */
import {
  closeSync,
  constants,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  unlinkSync,
  writeSync,
} from 'node:fs'
import path from 'node:path'
import * as v from 'valibot'
import { HoldfastError } from '../../shared/errors.ts'
import { MARK_NAME } from './layout.ts'

export const MarkSchema = v.object({
  format: v.literal(1),
  stream: v.string(),
  /** Who wrote last, and the number of its `open`. */
  writer: v.string(),
  open: v.number(),
  lineage: v.string(),
  request: v.nullable(v.string()),
  /** A restore is half done: the content is neither what it was nor what it shall be. */
  dirty: v.boolean(),
  /** The lineage's restore is done, as the log says, too: an app may start on this without asking S3. */
  settled: v.boolean(),
  pod: v.object({ uid: v.string(), boot: v.string() }),
})
export type Mark = v.InferOutput<typeof MarkSchema>

/** The volume's root cannot be read or written, or holds a mark that is none: nothing is known, so nothing is done. */
export class VolumeError extends HoldfastError {}

/** The mark of a volume; undefined when there is none. Throws `VolumeError`. */
export function readMark(volumeRoot: string): Mark | undefined {
  const file = path.join(volumeRoot, MARK_NAME)
  let text: string
  try {
    // O_NONBLOCK: a FIFO of that name must not hold us.
    const flag = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK
    text = readFileSync(file, { encoding: 'utf8', flag })
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw new VolumeError(
      `the mark ${file} cannot be read (${(cause as NodeJS.ErrnoException).code})`,
      { cause },
    )
  }
  const result = v.safeParse(v.pipe(v.string(), v.parseJson(), MarkSchema), text)
  if (result.success) return result.output
  throw new VolumeError(
    `${file} is no mark of Holdfast; remove it if the app did not put it there on purpose, and the volume is taken for one without history`,
  )
}

/** Writes the mark; it is durable when this returns. Throws `VolumeError`. */
export function writeMark(volumeRoot: string, mark: Mark): void {
  const file = path.join(volumeRoot, MARK_NAME)
  const temporary = `${file}-0000000000000000.tmp`
  try {
    rmSync(temporary, { force: true }) // what a crash left; never written through, should it be a link
    const fd = openSync(temporary, 'wx', 0o600)
    try {
      writeSync(fd, `${JSON.stringify(mark)}\n`)
      fsyncSync(fd)
    } finally {
      closeSync(fd)
    }
    renameSync(temporary, file)
    fsyncDirectory(volumeRoot)
  } catch (cause) {
    throw new VolumeError(
      `the mark ${file} cannot be written (${(cause as NodeJS.ErrnoException).code})`,
      { cause },
    )
  }
}

export function removeMark(volumeRoot: string): void {
  unlinkSync(path.join(volumeRoot, MARK_NAME))
  fsyncDirectory(volumeRoot)
}

/** A rename or removal in a directory is durable after this. */
export function fsyncDirectory(dir: string | Buffer): void {
  const fd = openSync(dir, constants.O_RDONLY | constants.O_DIRECTORY)
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}

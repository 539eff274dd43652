/**
 * Copies the frames of a pack that versions still need into a new pack, as they are stored, says where they went, and
 * removes the old one. In this order: a reader finds the old pack, or the word where its frames are.
 */
import * as v from 'valibot'
import { keyIdOfHeader } from '../shared/encryption/sealed-header.ts'
import { CorruptObjectError } from '../shared/errors.ts'
import { FORMAT } from '../shared/repository/log-record.ts'
import type { Moved } from '../shared/repository/moved-pack.ts'
import { encodeMoved, readMoved } from '../shared/repository/moved-pack.ts'
import { MAGIC, decodeHeader, encodeObject } from '../shared/repository/object-file.ts'
import { movedKey, newPackName, packKey } from '../shared/repository/object-keys.ts'
import { formatStreamName } from '../shared/stream-name.ts'
import type { PruneSeams } from './prune-steps.ts'
import type { StreamInRepository } from './repository.ts'

/** A move names only a pack whose upload began less than an hour before, as a commit does. */
const FRESH_MS = 60 * 60 * 1000

const FramesSchema = v.object({
  frames: v.array(
    v.object({
      offset: v.number(),
      storedBytes: v.number(),
      plainBytes: v.number(),
      chunks: v.array(v.unknown()),
    }),
  ),
})
type HeaderFrame = v.InferOutput<typeof FramesSchema>['frames'][number]

/**
 * Undefined: the pack has gone, or another prune has moved it, or this one was held up for too long. Else how many bytes the new pack takes.
 * @param needed offsets of frames, with the bytes that they take. Throws `CorruptObjectError` when one is not there:
 * nothing is changed then.
 */
export async function compactPack(
  { store, log, patience }: StreamInRepository,
  pack: string,
  needed: ReadonlyMap<number, number>,
  step: PruneSeams['step'],
): Promise<number | undefined> {
  const { stream } = log
  const startedMs = patience.clock.monotonicMs()
  const key = packKey(stream, pack)
  const old = await store.get(key)
  if (old === undefined) return undefined
  const found = decodeHeader(key, old.body)
  const vault = await log.vaults.reading(keyIdOfHeader(found))
  const frames = neededFrames(key, vault.openHeader(key, found), needed)
  const to = newPackName()
  const placed = place(frames)
  const header = {
    format: FORMAT,
    kind: 'pack',
    stream: formatStreamName(stream),
    name: to,
    frames: placed.frames,
  }
  const stored = frames.map(({ offset, storedBytes }) =>
    old.body.subarray(offset, offset + storedBytes),
  )
  const body = encodeObject(stored, vault.sealHeader(header, 'frames'))
  await store.create(packKey(stream, to), body)
  await step('frames copied')
  // Nothing refers to the new pack yet: after a day another prune takes it for garbage.
  if (patience.clock.monotonicMs() - startedMs > FRESH_MS) return undefined
  const moved: Moved = { to, offsets: placed.offsets }
  const made = await store.create(movedKey(stream, pack), encodeMoved(stream, pack, moved))
  if (made === 'exists' && !(await isOwn({ store, log }, pack, moved))) {
    await store.delete(packKey(stream, to))
    return undefined
  }
  await step('move recorded')
  await store.delete(key)
  await step('moved pack removed')
  return body.length
}

function neededFrames(
  key: string,
  found: unknown,
  needed: ReadonlyMap<number, number>,
): HeaderFrame[] {
  const header = v.safeParse(FramesSchema, found)
  if (!header.success) throw new CorruptObjectError(key, 'its header does not list its frames')
  const frames = header.output.frames.filter(
    ({ offset, storedBytes }) => needed.get(offset) === storedBytes,
  )
  if (frames.length !== needed.size)
    throw new CorruptObjectError(key, 'its header does not list a frame that a version needs')
  return frames
}

function place(frames: readonly HeaderFrame[]) {
  const offsets = new Map<number, number>()
  let offset = MAGIC.length
  const placed = frames.map((frame) => {
    offsets.set(frame.offset, offset)
    const moved = { ...frame, offset }
    offset += frame.storedBytes
    return moved
  })
  return { offsets, frames: placed }
}

/** `exists` may be this very body, whose answer was lost. */
async function isOwn(
  { store, log }: Pick<StreamInRepository, 'store' | 'log'>,
  pack: string,
  { to }: Moved,
): Promise<boolean> {
  return (await readMoved(store, log.stream, pack))?.to === to
}

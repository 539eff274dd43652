/** Versions of a pruned world, read back and compared with what was committed. */
import type { ObjectStore } from '../../shared/object-store/object-store.ts'
import type { StoredChunk } from '../../shared/repository/entry.ts'
import { locateMoved } from '../../shared/repository/moved-pack.ts'
import { sha256Hex } from '../../shared/repository/object-file.ts'
import { packKey } from '../../shared/repository/object-keys.ts'
import { loadManifest } from '../../shared/repository/version-object.ts'
import { STREAM } from '../shared/repository/records.ts'
import { idsOf } from './made-files.ts'
import type { PrunedWorld } from './pruned-world.ts'

type Place = Pick<StoredChunk, 'frame' | 'start' | 'lengthBytes'>

/** Reads every byte of a version; undefined when it is what was committed, else what is wrong. */
export async function wrongIn(world: PrunedWorld, n: number): Promise<string | undefined> {
  const { entries } = await loadManifest(world.store, world.log, n)
  const truth = world.truths.get(n)?.files
  const files = [...entries.values()].filter((entry) => entry.type === 'file')
  if (files.length !== truth?.size) return `v${n} has ${files.length} files, not ${truth?.size}`
  for (const entry of files) {
    if (idsOf(entry) !== truth.get(entry.name)) return `v${n}: ${entry.name} is another`
    for (const chunk of entry.chunks)
      if ('id' in chunk && (await bytesHash(world.store, chunk)) !== chunk.id)
        return `v${n}: bytes of ${entry.name} are not there`
  }
  return undefined
}

async function bytesHash(
  store: ObjectStore,
  { frame, start, lengthBytes }: Place,
): Promise<string | undefined> {
  const range = { offset: frame.offset, lengthBytes: frame.storedBytes }
  const found = await store.get(packKey(STREAM, frame.pack), range)
  if (found !== undefined) return sha256Hex(found.body.subarray(start, start + lengthBytes))
  const moved = await locateMoved(store, STREAM, frame.pack)
  const offset = moved?.offsets.get(frame.offset)
  if (moved === undefined || offset === undefined) return undefined
  return bytesHash(store, { frame: { ...frame, pack: moved.to, offset }, start, lengthBytes })
}

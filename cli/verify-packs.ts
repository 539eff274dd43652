/** The packs that versions refer to: each says what it is, and the frames in them are read as far as was asked. */
import * as v from 'valibot'
import { CorruptObjectError } from '../shared/errors.ts'
import type { Moved } from '../shared/repository/moved-pack.ts'
import { locateMoved } from '../shared/repository/moved-pack.ts'
import { readHeader } from '../shared/repository/object-file.ts'
import { packKey } from '../shared/repository/object-keys.ts'
import { formatStreamName } from '../shared/stream-name.ts'
import { inOrder } from './in-order.ts'
import type { StreamInRepository } from './repository.ts'
import type { Coverage } from './verify-coverage.ts'
import { chooseFrames } from './verify-coverage.ts'
import type { FrameCheck } from './verify-frames.ts'
import { LOCATE_TIMES } from './verify-frames.ts'
import type { ChunkTable } from './verify-table.ts'

const PackHeader = v.object({ kind: v.literal('pack'), stream: v.string(), name: v.string() })

/** @returns faults of the packs' headers, which cost no file by themselves. */
export async function checkPacks(
  from: StreamInRepository,
  table: ChunkTable,
  check: FrameCheck,
  coverage: Coverage,
  onProgress: (framesDone: number, frames: number) => void,
): Promise<string[]> {
  const frames = table.framesInOrder()
  const chunksOf = table.chunksByFrame()
  const { problems, suspect, gone, moves } = await checkHeaders(from, table.packs)
  for (const [pack, moved] of moves) check.moved(pack, moved)
  for (const pack of gone) check.markGone(pack, frames, chunksOf)
  const { checked } = check.findings
  const left = frames.filter((frame) => chunksOf(frame).some((chunk) => !checked.has(chunk)))
  const placeOf = (frame: number) => ({
    pack: table.packs[table.packOf(frame)] ?? '',
    offset: table.frame(frame).offset,
  })
  const chosen = new Set(chooseFrames(left, coverage, placeOf))
  // A pack that does not say what it is may hold anything: all of it is read.
  const wanted = left.filter((frame) => chosen.has(frame) || suspect.has(table.packOf(frame)))
  await check.fetchAndCheck(wanted, chunksOf, (done) => {
    onProgress(done, wanted.length)
  })
  return problems
}

interface HeaderChecks {
  readonly problems: string[]
  readonly suspect: ReadonlySet<number>
  readonly gone: ReadonlySet<number>
  readonly moves: ReadonlyMap<number, Moved>
}

interface PackState {
  readonly state: 'sound' | 'gone' | { readonly problem: string }
  /** Where its frames lie, if not in itself. */
  readonly moved?: Moved
}

async function checkHeaders(
  from: StreamInRepository,
  packs: readonly string[],
): Promise<HeaderChecks> {
  const problems: string[] = []
  const suspect = new Set<number>()
  const gone = new Set<number>()
  const moves = new Map<number, Moved>()
  // The headers of version objects were read with the log.
  const own = [...packs.keys()].filter((pack) => packs[pack]?.startsWith('v') === false)
  const states = inOrder(own, async (pack) => ({
    pack,
    ...(await stateOf(from, packs[pack] ?? '')),
  }))
  for await (const { pack, state, moved } of states) {
    if (moved !== undefined) moves.set(pack, moved)
    if (state === 'gone') gone.add(pack)
    else if (state !== 'sound') {
      problems.push(state.problem)
      suspect.add(pack)
    }
  }
  return { problems, suspect, gone, moves }
}

/** A pack that is gone may have been compacted: then the one that its frames were moved to is looked at. */
async function stateOf(from: StreamInRepository, pack: string): Promise<PackState> {
  const state = await headerState(from, pack)
  if (state !== 'gone') return { state }
  try {
    for (let times = 0; times < LOCATE_TIMES; times += 1) {
      const moved = await locateMoved(from.store, from.log.stream, pack)
      if (moved === undefined) break
      const ofTarget = await headerState(from, moved.to)
      if (ofTarget !== 'gone') return { state: ofTarget, moved }
    }
    return { state }
  } catch (error) {
    if (error instanceof CorruptObjectError) return { state: { problem: error.message } }
    throw error
  }
}

/** A pack says what it is, so that it can be understood without any manifest. */
async function headerState(
  { store, log }: StreamInRepository,
  pack: string,
): Promise<'sound' | 'gone' | { readonly problem: string }> {
  const key = packKey(log.stream, pack)
  try {
    const found = await readHeader(store, key)
    if (found === undefined) return 'gone'
    const header = v.safeParse(PackHeader, await log.openHeader(key, found.header))
    const isOwn =
      header.success &&
      header.output.name === pack &&
      header.output.stream === formatStreamName(log.stream)
    return isOwn
      ? 'sound'
      : { problem: `object ${key} is corrupt: its header is not that of this pack` }
  } catch (error) {
    if (error instanceof CorruptObjectError) return { problem: error.message }
    throw error
  }
}

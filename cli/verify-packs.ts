/** The packs that versions refer to: each says what it is, and the frames in them are read as far as was asked. */
import * as v from 'valibot'
import { requireClear } from '../shared/encryption/sealed-header.ts'
import { CorruptObjectError } from '../shared/errors.ts'
import { readHeader } from '../shared/repository/object-file.ts'
import { packKey } from '../shared/repository/object-keys.ts'
import { formatStreamName } from '../shared/stream-name.ts'
import { inOrder } from './in-order.ts'
import type { StreamInRepository } from './repository.ts'
import type { Coverage } from './verify-coverage.ts'
import { chooseFrames } from './verify-coverage.ts'
import type { FrameCheck } from './verify-frames.ts'
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
  const { problems, suspect, gone } = await checkHeaders(from, table.packs)
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
}

async function checkHeaders(
  from: StreamInRepository,
  packs: readonly string[],
): Promise<HeaderChecks> {
  const problems: string[] = []
  const suspect = new Set<number>()
  const gone = new Set<number>()
  // The headers of version objects were read with the log.
  const own = [...packs.keys()].filter((pack) => packs[pack]?.startsWith('v') === false)
  const states = inOrder(own, async (pack) => ({
    pack,
    state: await headerState(from, packs[pack] ?? ''),
  }))
  for await (const { pack, state } of states)
    if (state === 'gone') gone.add(pack)
    else if (state !== 'sound') {
      problems.push(state.problem)
      suspect.add(pack)
    }
  return { problems, suspect, gone }
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
    const header = v.safeParse(PackHeader, requireClear(key, found.header))
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

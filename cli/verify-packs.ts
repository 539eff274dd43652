/** Where the chunks of versions lie; each of these objects is read once, and every chunk in it rehashed. */
import * as v from 'valibot'
import { CorruptObjectError } from '../shared/errors.ts'
import type { Entry, StoredChunk } from '../shared/repository/entry.ts'
import { isHole } from '../shared/repository/entry.ts'
import type { FrameRef } from '../shared/repository/frame.ts'
import { decodeFrame } from '../shared/repository/frame.ts'
import { decodeHeader, sha256Hex } from '../shared/repository/object-file.ts'
import { packKey } from '../shared/repository/object-keys.ts'
import { formatStreamName } from '../shared/stream-name.ts'
import { inOrder } from './in-order.ts'
import type { StreamInRepository } from './repository.ts'

/** Packs in memory at once. */
const AT_ONCE = 2

export interface PackChecks {
  readonly readBytes: number
  /** Why a chunk cannot be had, by its place. */
  readonly bad: ReadonlyMap<string, string>
  readonly problems: readonly string[]
}

interface FrameChunks {
  readonly frame: FrameRef
  readonly chunks: Map<string, StoredChunk>
}

/** A chunk's bytes as one reference to them says where they are. */
export function placeOf({ pack, frame, start, lengthBytes, id }: StoredChunk): string {
  return `${pack}@${frame.offset}/${frame.storedBytes}/${frame.plainBytes}+${start}/${lengthBytes}=${id}`
}

export class ChunkPlaces {
  readonly #packs = new Map<string, Map<string, FrameChunks>>()

  /** Objects that hold chunks. */
  get size(): number {
    return this.#packs.size
  }

  has(pack: string): boolean {
    return this.#packs.has(pack)
  }

  add(entries: Iterable<Entry>): void {
    for (const entry of entries)
      if (entry.type === 'file')
        for (const chunk of entry.chunks) if (!isHole(chunk)) this.#addChunk(chunk)
  }

  #addChunk(chunk: StoredChunk): void {
    const { pack, frame } = chunk
    const frames = this.#packs.get(pack) ?? new Map<string, FrameChunks>()
    this.#packs.set(pack, frames)
    const key = `${frame.offset}/${frame.storedBytes}/${frame.plainBytes}`
    const inFrame = frames.get(key) ?? { frame, chunks: new Map<string, StoredChunk>() }
    frames.set(key, inFrame)
    inFrame.chunks.set(placeOf(chunk), chunk)
  }

  async check(
    from: StreamInRepository,
    onProgress: (packs: number, bytes: number) => void,
  ): Promise<PackChecks> {
    const bad = new Map<string, string>()
    const problems: string[] = []
    let readBytes = 0
    let read = 0
    const packs = [...this.#packs.keys()].toSorted()
    const bodies = inOrder(
      packs,
      async (pack) => ({ pack, body: await readPack(from, pack) }),
      AT_ONCE,
    )
    for await (const { pack, body } of bodies) {
      onProgress((read += 1), (readBytes += body?.length ?? 0))
      const key = packKey(from.log.stream, pack)
      const frames = this.#packs.get(pack)?.values() ?? []
      if (body !== undefined && !pack.startsWith('v'))
        problems.push(...headerProblems(from, pack, body))
      for (const inFrame of frames) checkFrame(key, body, inFrame, bad)
    }
    return { readBytes, bad, problems }
  }
}

async function readPack(
  { store, log }: StreamInRepository,
  pack: string,
): Promise<Buffer | undefined> {
  return (await store.get(packKey(log.stream, pack)))?.body
}

const PackHeader = v.object({ kind: v.literal('pack'), stream: v.string(), name: v.string() })

/** A pack says what it is, so that it can be understood without any manifest. */
function headerProblems({ log }: StreamInRepository, pack: string, body: Buffer): string[] {
  const key = packKey(log.stream, pack)
  try {
    const header = v.safeParse(PackHeader, decodeHeader(key, body))
    const isOwn =
      header.success &&
      header.output.name === pack &&
      header.output.stream === formatStreamName(log.stream)
    return isOwn ? [] : [`object ${key} is corrupt: its header is not that of this pack`]
  } catch (error) {
    if (error instanceof CorruptObjectError) return [error.message]
    throw error
  }
}

function checkFrame(
  key: string,
  body: Buffer | undefined,
  { frame, chunks }: FrameChunks,
  bad: Map<string, string>,
): void {
  let plain: Buffer
  try {
    if (body === undefined) throw new CorruptObjectError(key, 'it is not there')
    plain = decodeFrame(key, body.subarray(frame.offset, frame.offset + frame.storedBytes), frame)
  } catch (error) {
    if (!(error instanceof CorruptObjectError)) throw error
    for (const place of chunks.keys()) bad.set(place, error.message)
    return
  }
  for (const [place, { id, start, lengthBytes }] of chunks)
    if (sha256Hex(plain.subarray(start, start + lengthBytes)) !== id)
      bad.set(place, `object ${key} is corrupt: chunk ${id} does not match its hash`)
}

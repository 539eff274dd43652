/** What `verify` asks of the store. */
import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { packsPrefix, versionKey } from '../../shared/repository/object-keys.ts'
import { DamageableStream, makeTwelveVersions, STREAM } from './damageable-stream.ts'

let objects: ReadonlyMap<string, Buffer>
let stream: DamageableStream

beforeAll(async () => {
  objects = await makeTwelveVersions()
})
beforeEach(async () => {
  stream = await DamageableStream.of(objects)
})

describe('what is read', () => {
  it('is each byte of a pack once, neighbours together, however many versions share them', async () => {
    expect(stream.numbers).toHaveLength(12)
    const { damaged, chunks, checkedChunks } = await stream.verify()
    expect(damaged).toEqual([])
    expect(checkedChunks).toBe(chunks)
    const ofPacks = stream.store.fetches.filter(({ key }) => key.startsWith(packsPrefix(STREAM)))
    const frames = ofPacks.flatMap(({ range }) =>
      range !== undefined && 'offset' in range ? [range] : [],
    )
    const sizes = [...stream.store.objects].filter(([key]) => key.startsWith(packsPrefix(STREAM)))
    const packBytes = sizes.reduce((sum, [, { body }]) => sum + body.length, 0)
    const fetched = frames.reduce((sum, { lengthBytes }) => sum + lengthBytes, 0)
    expect(fetched).toBeLessThanOrEqual(packBytes)
    expect(fetched).toBeGreaterThan(0.9 * packBytes)
    // Ranges of eight MiB at most; besides them the header of each pack.
    expect(frames.length).toBeLessThanOrEqual(sizes.length * 2)
  })

  it('is a version object once, with the bytes in it', async () => {
    await stream.verify()
    for (const n of stream.numbers) {
      const fetches = stream.store.fetches.filter(({ key }) => key === versionKey(STREAM, n))
      expect(fetches, `v${n}`).toEqual([{ key: versionKey(STREAM, n), range: undefined }])
    }
  })

  it('is a fraction of it in a sample', async () => {
    const { checkedChunks, chunks } = await stream.verify({ percent: 10, seed: 1 })
    const sampled = stream.store.fetchedBytes
    expect(checkedChunks).toBeGreaterThan(0)
    expect(checkedChunks).toBeLessThan(chunks / 2)
    stream.store.fetchedBytes = 0
    await stream.verify()
    expect(sampled).toBeLessThan(stream.store.fetchedBytes / 2)
  })

  it('in samples of different seeds comes to everything', async () => {
    const seen = new Set<string>()
    for (let seed = 0; seed < 40; seed += 1) {
      stream.store.fetches.length = 0
      await stream.verify({ percent: 10, seed })
      for (const { key, range } of stream.store.fetches)
        if (range !== undefined && 'offset' in range && key.startsWith(packsPrefix(STREAM)))
          seen.add(`${key}@${range.offset}`)
    }
    const { packs, chunks } = await stream.verify()
    expect(packs).toBeGreaterThan(1)
    expect(seen.size).toBeGreaterThan(chunks / 5)
  })
})

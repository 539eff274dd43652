/** `verify` of a stream whose versions were pruned, and whose packs were compacted. */
import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { readDamage } from '../../shared/repository/damage.ts'
import { encodeMoved } from '../../shared/repository/moved-pack.ts'
import { decodeHeader, encodeObject } from '../../shared/repository/object-file.ts'
import { movedKey, packKey, packsPrefix, versionKey } from '../../shared/repository/object-keys.ts'
import { DamageableStream, makeTwelveVersions, STREAM } from './damageable-stream.ts'

let objects: ReadonlyMap<string, Buffer>
let stream: DamageableStream

beforeAll(async () => {
  objects = await makeTwelveVersions()
})
beforeEach(async () => {
  stream = await DamageableStream.of(objects)
})

describe('a pruned version', () => {
  it('may have lost its bytes: nothing is said of it', async () => {
    stream.spoil(versionKey(STREAM, stream.nth(2)), 2000)
    expect((await stream.verify()).damaged).toMatchObject([{ from: stream.nth(2), files: 1 }])
    stream.prune([stream.nth(2), stream.nth(2)])
    expect(await stream.verify()).toMatchObject({ damaged: [], notices: [], versions: 11 })
  })

  it('hides nothing that a kept one has of it', async () => {
    const [key = ''] = stream.packs()
    stream.spoil(key, 2000)
    stream.prune([1, stream.nth(10)])
    const { damaged } = await stream.verify()
    expect(damaged).toMatchObject([{ from: stream.nth(11), to: stream.nth(11) }])
    expect((await stream.filesToReadAgain()).size).toBeGreaterThan(0)
  })

  it('that is gone only since it was read is not called damaged', async () => {
    stream.spoil(versionKey(STREAM, stream.nth(2)), 2000)
    const get = stream.store.get.bind(stream.store)
    stream.store.get = (key, range) => {
      if (key === versionKey(STREAM, stream.nth(11))) stream.prune([stream.nth(2), stream.nth(2)])
      return get(key, range)
    }
    expect(await stream.verify()).toMatchObject({ damaged: [], notices: [] })
  })
})

describe('a compacted pack', () => {
  let pack: string
  let target: string
  let offsets: Map<number, number>

  /** Its frames, one after the other, in another pack behind some other bytes; both are there. */
  beforeEach(() => {
    const [key = ''] = stream.packs()
    pack = key.slice(packsPrefix(STREAM).length)
    target = 'f'.repeat(32)
    const body = stream.store.objects.get(key)?.body ?? Buffer.alloc(0)
    const header = decodeHeader(key, body) as { frames: { offset: number; storedBytes: number }[] }
    const frames: Buffer[] = [Buffer.from('other bytes')]
    offsets = new Map()
    let at = 11 + 'other bytes'.length
    for (const { offset, storedBytes } of header.frames) {
      frames.push(body.subarray(offset, offset + storedBytes))
      offsets.set(offset, at)
      at += storedBytes
    }
    stream.put(
      packKey(STREAM, target),
      encodeObject(frames, { ...header, name: target, frames: [] }),
    )
    stream.put(movedKey(STREAM, pack), encodeMoved(STREAM, pack, { to: target, offsets }))
  })

  it('is read where its frames lie, as long as it is there, and where they were moved to', async () => {
    expect(await stream.verify()).toMatchObject({ damaged: [], problems: [], unreferenced: [] })
    stream.store.objects.delete(packKey(STREAM, pack))
    const { damaged, problems, unreferenced, chunks, checkedChunks } = await stream.verify()
    expect({ damaged, problems, unreferenced }).toEqual({
      damaged: [],
      problems: [],
      unreferenced: [],
    })
    expect(checkedChunks).toBe(chunks)
    const fetches = stream.store.fetches.filter(({ key }) => key === packKey(STREAM, target))
    expect(fetches.length).toBeLessThan(offsets.size + 2)
  })

  it('that is removed while the run goes on is read where its frames were moved to', async () => {
    const get = stream.store.get.bind(stream.store)
    stream.store.get = (key, range) => {
      const found = get(key, range)
      // Its header was read; its frames are found gone.
      stream.store.objects.delete(packKey(STREAM, pack))
      return found
    }
    expect(await stream.verify()).toMatchObject({ damaged: [], problems: [] })
    expect(stream.store.objects.has(packKey(STREAM, pack))).toBe(false)
  })

  it('that is damaged in its new place is noted by the name that versions know', async () => {
    stream.store.objects.delete(packKey(STREAM, pack))
    stream.spoil(packKey(STREAM, target), 2000)
    const names = await stream.filesToReadAgain()
    expect(names.size).toBeGreaterThan(0)
    expect(names.size).toBeLessThan(3)
    expect([...(await readDamage(stream.store, STREAM)).keys()]).toEqual([pack])
  })

  it('that was moved without a part that is needed has lost that part', async () => {
    stream.store.objects.delete(packKey(STREAM, pack))
    const [first = 0] = offsets.keys()
    offsets.delete(first)
    stream.put(movedKey(STREAM, pack), encodeMoved(STREAM, pack, { to: target, offsets }))
    const { damaged } = await stream.verify()
    expect(damaged.flatMap(({ lost }) => lost.map(({ why }) => why)).join()).toContain('compacted')
    expect(await readDamage(stream.store, STREAM)).toEqual(new Map())
    await stream.filesToReadAgain()
    expect((await readDamage(stream.store, STREAM)).get(pack)).toMatchObject({
      gone: false,
      frames: new Set([first]),
    })
  })
})

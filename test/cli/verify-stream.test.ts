/** What `verify` asks of the store, what it makes of answers that are no damage, and what it tells the agent. */
import { randomBytes } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { Terminal } from '../../cli/terminal.ts'
import type { Coverage } from '../../cli/verify-coverage.ts'
import { recordResult } from '../../cli/verify-record.ts'
import type { StreamResult } from '../../cli/verify-stream.ts'
import { verifyStream } from '../../cli/verify-stream.ts'
import { WrongKeyError } from '../../shared/encryption/wrong-key-error.ts'
import { NewerFormatError } from '../../shared/errors.ts'
import { openStore } from '../../shared/object-store/open-store.ts'
import type { ByteRange } from '../../shared/object-store/object-store.ts'
import { AccessDeniedError } from '../../shared/object-store/object-store.ts'
import { readDamage, withoutDamaged } from '../../shared/repository/damage.ts'
import { encodeMoved } from '../../shared/repository/moved-pack.ts'
import { decodeHeader, encodeObject } from '../../shared/repository/object-file.ts'
import {
  movedKey,
  packKey,
  packsPrefix,
  pruneKey,
  versionKey,
} from '../../shared/repository/object-keys.ts'
import { VersionLog } from '../../shared/repository/version-log.ts'
import { loadManifest } from '../../shared/repository/version-object.ts'
import { MemoryStore, patience } from '../shared/repository/memory-store.ts'
import { holdfastHere } from './command.ts'
import { freshFolder } from './odd-tree.ts'

const STREAM = { namespace: 'test', app: 'app', slot: '0' }
const ALL: Coverage = { percent: 100, seed: 0 }
const MIB = 1024 * 1024

interface Fetch {
  readonly key: string
  readonly range: ByteRange | undefined
}

/** Notes what is read of each object. */
class WatchedStore extends MemoryStore {
  readonly fetches: Fetch[] = []

  override get(key: string, range?: ByteRange) {
    this.fetches.push({ key, range })
    return super.get(key, range)
  }
}

let folder: string
let objects: Map<string, Buffer>
let store: WatchedStore
/** Numbers of versions, oldest first. */
let numbers: number[]

/** Twelve versions over the same three large files, which fit into one pack; each but the first changes a file of 300 KiB, which travels inline. */
beforeAll(async () => {
  folder = await freshFolder()
  const source = join(folder, 'source')
  const at = pathToFileURL(join(folder, 'repository')).href
  const stream = ['--store', at, '--stream', 'test/app/0']
  mkdirSync(source)
  for (const name of ['a', 'b', 'c']) writeFileSync(join(source, name), randomBytes(2.4 * MIB))
  for (let i = 0; i < 12; i += 1) {
    writeFileSync(join(source, 'changing'), randomBytes(300 * 1024))
    const made = await holdfastHere('replicate', ...stream, '--path', source, '--once')
    expect(made.code).toBe(0)
  }
  const files = await openStore(at)
  objects = new Map()
  for (const { key } of await files.list(''))
    objects.set(key, readFileSync(join(folder, 'repository', key)))
})
afterAll(() => rm(folder, { recursive: true, force: true }))
beforeEach(async () => {
  store = new WatchedStore()
  for (const [key, body] of objects)
    store.objects.set(key, { body: Buffer.from(body), modifiedAt: new Date() })
  const { log } = from()
  numbers = []
  for (const { n } of (await log.numbers()).toReversed())
    if ((await log.record(n))?.record.kind === 'version') numbers.push(n)
  store.fetches.length = 0
})

function from() {
  const patient = { ...patience(), giveUpAfterMs: 0 }
  return { store, patience: patient, log: new VersionLog(store, STREAM, patient) }
}

function verify(coverage = ALL): Promise<StreamResult> {
  const nowhere = { write: () => true, on: () => undefined } as never
  return verifyStream(from(), undefined, coverage, new Terminal(nowhere, nowhere))
}

function spoil(key: string, at: number): void {
  const body = store.objects.get(key)?.body
  body?.writeUInt8(body.readUInt8(at) ^ 1, at)
}

function put(key: string, body: Buffer): void {
  store.objects.set(key, { body, modifiedAt: new Date() })
}

function rewriteHeader(key: string, change: object): void {
  const object = store.objects.get(key)
  const header = decodeHeader(key, object?.body ?? Buffer.alloc(0)) as object
  // No frames: what stands before the header is not read before the header is understood.
  const body = encodeObject([], { ...header, ...change })
  put(key, body)
}

describe('what is read', () => {
  it('is each byte of a pack once, neighbours together, however many versions share them', async () => {
    expect(numbers).toHaveLength(12)
    const { damaged, chunks, checkedChunks } = await verify()
    expect(damaged).toEqual([])
    expect(checkedChunks).toBe(chunks)
    const ofPacks = store.fetches.filter(({ key }) => key.startsWith(packsPrefix(STREAM)))
    const frames = ofPacks.flatMap(({ range }) =>
      range !== undefined && 'offset' in range ? [range] : [],
    )
    const sizes = [...store.objects].filter(([key]) => key.startsWith(packsPrefix(STREAM)))
    const packBytes = sizes.reduce((sum, [, { body }]) => sum + body.length, 0)
    const fetched = frames.reduce((sum, { lengthBytes }) => sum + lengthBytes, 0)
    expect(fetched).toBeLessThanOrEqual(packBytes)
    expect(fetched).toBeGreaterThan(0.9 * packBytes)
    // Nine MiB in ranges of eight at most; besides them the header of each pack.
    expect(frames.length).toBeLessThanOrEqual(sizes.length * 2)
  })

  it('is a version object once, with the bytes in it', async () => {
    await verify()
    for (const n of numbers) {
      const fetches = store.fetches.filter(({ key }) => key === versionKey(STREAM, n))
      expect(fetches, `v${n}`).toEqual([{ key: versionKey(STREAM, n), range: undefined }])
    }
  })

  it('is a fraction of it in a sample', async () => {
    const { checkedChunks, chunks } = await verify({ percent: 10, seed: 1 })
    const sampled = store.fetchedBytes
    expect(checkedChunks).toBeGreaterThan(0)
    expect(checkedChunks).toBeLessThan(chunks / 2)
    store.fetchedBytes = 0
    await verify()
    expect(sampled).toBeLessThan(store.fetchedBytes / 2)
  })

  it('in samples of different seeds comes to everything', async () => {
    const seen = new Set<string>()
    for (let seed = 0; seed < 40; seed += 1) {
      store.fetches.length = 0
      await verify({ percent: 10, seed })
      for (const { key, range } of store.fetches)
        if (range !== undefined && 'offset' in range && key.startsWith(packsPrefix(STREAM)))
          seen.add(`${key}@${range.offset}`)
    }
    const { packs, chunks } = await verify()
    expect(packs).toBeGreaterThan(1)
    expect(seen.size).toBeGreaterThan(chunks / 5)
  })
})

describe('what is no damage', () => {
  it('a version of a newer format: it is refused, and nothing is recorded', async () => {
    rewriteHeader(versionKey(STREAM, numbers[3] ?? 0), { format: 3 })
    await expect(verify()).rejects.toThrow(NewerFormatError)
    await expect(verify()).rejects.toThrow('the object is not damaged')
  })

  it('an object whose end is not as in this format, and whose first line names another one', async () => {
    const key = versionKey(STREAM, numbers[3] ?? 0)
    const body = Buffer.from('holdfast/3\nsomething that nobody here can know\n')
    put(key, body)
    await expect(verify()).rejects.toThrow(NewerFormatError)
  })

  it('a version that is sealed with a key that is not given', async () => {
    rewriteHeader(versionKey(STREAM, numbers[3] ?? 0), { format: 2, key: 'k1', sealed: 'AAAA' })
    await expect(verify()).rejects.toThrow(WrongKeyError)
  })

  it('a pack of a newer format', async () => {
    const [key = ''] = [...store.objects.keys()].filter((each) => each.includes('/packs/'))
    rewriteHeader(key, { format: 3 })
    await expect(verify()).rejects.toThrow(NewerFormatError)
  })

  it('fields that nobody here knows', async () => {
    const key = versionKey(STREAM, numbers.at(-1) ?? 0)
    const body = store.objects.get(key)?.body ?? Buffer.alloc(0)
    const header = decodeHeader(key, body) as object
    const line = JSON.stringify({ ...header, weather: 'fair' })
    const frames = body.subarray(11, body.lastIndexOf(`\n${JSON.stringify(header)}\n`))
    const again = encodeObject([frames], JSON.parse(line) as object)
    put(key, again)
    expect(await verify()).toMatchObject({ damaged: [], problems: [] })
  })

  it('one bit in the first line, which makes a 3 of a 1: the header knows better', async () => {
    const key = versionKey(STREAM, numbers.at(-1) ?? 0)
    const body = store.objects.get(key)?.body
    body?.write('3', 9, 'latin1')
    const { damaged } = await verify()
    expect(damaged[0]?.problem).toContain('does not begin with "holdfast/1"')
  })

  it('a version that is pruned while the run goes on', async () => {
    const [pruned = 0] = numbers.slice(-1)
    const [key = ''] = [...store.objects.keys()].filter((each) => each.includes('/packs/'))
    spoil(key, 2000)
    // It was read with the log; when the losses are looked for, it has gone.
    const get = store.get.bind(store)
    let reads = 0
    store.get = async (asked, range) => {
      if (asked === key && (reads += 1) === 2) store.objects.delete(versionKey(STREAM, pruned))
      return get(asked, range)
    }
    const { damaged } = await verify()
    expect(damaged.length).toBeGreaterThan(0)
    for (const { to, problem } of damaged) {
      expect(problem).toBeNull()
      expect(to).toBeLessThan(pruned)
    }
  })
})

/** Names of files of the head that an agent ships again after a verification. */
async function filesToReadAgain(): Promise<Set<string>> {
  await recordResult(from(), await verify())
  const { entries } = await loadManifest(store, from().log, numbers.at(-1) ?? 0)
  return withoutDamaged(entries.values(), await readDamage(store, STREAM))
}

const nth = (i: number) => numbers[i] ?? 0

/** Says that these versions, in ranges, were pruned. */
function prune(...versions: readonly (readonly [number, number])[]): void {
  const named = { versions, objects: [] }
  const nothing = { versions: [], objects: [] }
  const keep = { allMs: 0, hourly: 0, daily: 0, weekly: 0 }
  const about = { format: 1, kind: 'prune', stream: 'test/app/0', k: 1, id: 'x', keep }
  put(pruneKey(STREAM, 1), encodeObject([], { ...about, planned: nothing, gone: named }))
}

describe('a pruned version', () => {
  it('may have lost its bytes: nothing is said of it', async () => {
    spoil(versionKey(STREAM, nth(2)), 2000)
    expect((await verify()).damaged).toMatchObject([{ from: nth(2), files: 1 }])
    prune([nth(2), nth(2)])
    expect(await verify()).toMatchObject({ damaged: [], notices: [], versions: 11 })
  })

  it('hides nothing that a kept one has of it', async () => {
    const [key = ''] = [...store.objects.keys()].filter((each) => each.includes('/packs/'))
    spoil(key, 2000)
    prune([1, nth(10)])
    const { damaged } = await verify()
    expect(damaged).toMatchObject([{ from: nth(11), to: nth(11) }])
    expect((await filesToReadAgain()).size).toBeGreaterThan(0)
  })

  it('that is gone only since it was read is not called damaged', async () => {
    spoil(versionKey(STREAM, nth(2)), 2000)
    const get = store.get.bind(store)
    store.get = (key, range) => {
      if (key === versionKey(STREAM, nth(11))) prune([nth(2), nth(2)])
      return get(key, range)
    }
    expect(await verify()).toMatchObject({ damaged: [], notices: [] })
  })
})

describe('a compacted pack', () => {
  let pack: string
  let target: string
  let offsets: Map<number, number>

  /** Its frames, one after the other, in another pack behind some other bytes; both are there. */
  beforeEach(() => {
    const [key = ''] = [...store.objects.keys()].filter((each) => each.includes('/packs/'))
    pack = key.slice(packsPrefix(STREAM).length)
    target = 'f'.repeat(32)
    const body = store.objects.get(key)?.body ?? Buffer.alloc(0)
    const header = decodeHeader(key, body) as { frames: { offset: number; storedBytes: number }[] }
    const frames: Buffer[] = [Buffer.from('other bytes')]
    offsets = new Map()
    let at = 11 + 'other bytes'.length
    for (const { offset, storedBytes } of header.frames) {
      frames.push(body.subarray(offset, offset + storedBytes))
      offsets.set(offset, at)
      at += storedBytes
    }
    put(packKey(STREAM, target), encodeObject(frames, { ...header, name: target, frames: [] }))
    put(movedKey(STREAM, pack), encodeMoved(STREAM, pack, { to: target, offsets }))
  })

  it('is read where its frames lie, as long as it is there, and where they were moved to', async () => {
    expect(await verify()).toMatchObject({ damaged: [], problems: [], unreferenced: [] })
    store.objects.delete(packKey(STREAM, pack))
    const { damaged, problems, unreferenced, chunks, checkedChunks } = await verify()
    expect({ damaged, problems, unreferenced }).toEqual({
      damaged: [],
      problems: [],
      unreferenced: [],
    })
    expect(checkedChunks).toBe(chunks)
    const fetches = store.fetches.filter(({ key }) => key === packKey(STREAM, target))
    expect(fetches.length).toBeLessThan(offsets.size + 2)
  })

  it('that is removed while the run goes on is read where its frames were moved to', async () => {
    const get = store.get.bind(store)
    store.get = (key, range) => {
      const found = get(key, range)
      // Its header was read; its frames are found gone.
      store.objects.delete(packKey(STREAM, pack))
      return found
    }
    expect(await verify()).toMatchObject({ damaged: [], problems: [] })
    expect(store.objects.has(packKey(STREAM, pack))).toBe(false)
  })

  it('that is damaged in its new place is noted by the name that versions know', async () => {
    store.objects.delete(packKey(STREAM, pack))
    spoil(packKey(STREAM, target), 2000)
    const names = await filesToReadAgain()
    expect(names.size).toBeGreaterThan(0)
    expect(names.size).toBeLessThan(3)
    expect([...(await readDamage(store, STREAM)).keys()]).toEqual([pack])
  })

  it('that was moved without a part that is needed has lost that part', async () => {
    store.objects.delete(packKey(STREAM, pack))
    const [first = 0] = offsets.keys()
    offsets.delete(first)
    put(movedKey(STREAM, pack), encodeMoved(STREAM, pack, { to: target, offsets }))
    const { damaged } = await verify()
    expect(damaged.flatMap(({ lost }) => lost.map(({ why }) => why)).join()).toContain('compacted')
    expect(await readDamage(store, STREAM)).toEqual(new Map())
    await filesToReadAgain()
    expect((await readDamage(store, STREAM)).get(pack)).toMatchObject({
      gone: false,
      frames: new Set([first]),
    })
  })
})

describe('what the agent is told', () => {
  it('is nothing of a sound stream', async () => {
    expect(await filesToReadAgain()).toEqual(new Set())
  })

  it('names the files of the head that verify calls lost', async () => {
    const [key = ''] = [...store.objects.keys()].filter((each) => each.includes('/packs/'))
    spoil(key, 2000)
    spoil(versionKey(STREAM, numbers.at(-1) ?? 0), 2000)
    const names = await filesToReadAgain()
    expect(names.has('0/changing')).toBe(true)
    expect(names.size).toBeGreaterThan(1)
    expect(names.size).toBeLessThan(4)
  })

  it('names all files of a pack that has gone', async () => {
    for (const key of store.objects.keys()) if (key.includes('/packs/')) store.objects.delete(key)
    const names = await filesToReadAgain()
    for (const name of ['0/a', '0/b', '0/c']) expect(names.has(name)).toBe(true)
    const damage = await readDamage(store, STREAM)
    expect([...damage.values()].every(({ gone }) => gone)).toBe(true)
  })

  it('is of no interest once the head refers to other bytes', async () => {
    const first = numbers[1] ?? 0
    spoil(versionKey(STREAM, first), 2000)
    expect(await filesToReadAgain()).toEqual(new Set())
    const damage = await readDamage(store, STREAM)
    expect([...damage.keys()]).toEqual([`v${first}`])
    expect(store.objects.has(packKey(STREAM, `v${first}`))).toBe(true)
  })

  it('says which manifests no delta may be told against', async () => {
    const broken = numbers[1] ?? 0
    const body = store.objects.get(versionKey(STREAM, broken))?.body ?? Buffer.alloc(0)
    const cut = body.subarray(0, body.length - 30)
    put(versionKey(STREAM, broken), cut)
    await recordResult(from(), await verify())
    const damage = await readDamage(store, STREAM)
    expect([...damage].filter(([, { manifest }]) => manifest).map(([pack]) => pack)).toEqual([
      `v${broken}`,
    ])
  })
})

it('credentials that may only read: the verdict is told, and that it could not be recorded', async () => {
  store.create = () => Promise.reject(new AccessDeniedError('403'))
  expect(await recordResult(from(), await verify())).toEqual({ problem: '403' })
})

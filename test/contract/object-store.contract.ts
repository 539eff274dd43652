import { describe, expect, test } from 'vitest'
import {
  StoreRefusedError,
  type ByteRange,
  type ObjectStore,
} from '../../shared/object-store/object-store.ts'

const VERSION_KEY = 'v1/streams/shop/shop/0/versions/999999999958-v42'

/** What every adapter promises. `open` brings a store of its own, with nothing in it, each time. */
export function describeObjectStore(name: string, open: () => Promise<ObjectStore>): void {
  describe(name, () => {
    describeCreate(open)
    describeGet(open)
    describeList(open)
    describeRest(open)
  })
}

type Open = () => Promise<ObjectStore>

function describeCreate(open: Open): void {
  test('create says "created" once and "exists" ever after, and keeps the first bytes', async () => {
    const store = await open()
    expect(await store.create(VERSION_KEY, Buffer.from('first'))).toBe('created')
    expect(await store.create(VERSION_KEY, Buffer.from('second'))).toBe('exists')
    expect(await store.create(VERSION_KEY, Buffer.from('first'))).toBe('exists')
    expect((await store.get(VERSION_KEY))?.body.toString()).toBe('first')
  })

  test('of 16 who race for a key, exactly one gets "created", and its bytes stay', async () => {
    const store = await open()
    for (let round = 0; round < 6; round++) {
      const key = `race/${round}`
      const answers = await Promise.all(
        Array.from({ length: 16 }, (_, racer) => store.create(key, Buffer.from(`racer ${racer}`))),
      )
      const winners = answers.flatMap((answer, racer) => (answer === 'created' ? [racer] : []))
      expect(winners).toHaveLength(1)
      expect((await store.get(key))?.body.toString()).toBe(`racer ${winners[0]}`)
    }
  })

  test.each([0, 1, 5 * 1024 * 1024])('an object of %i bytes comes back as it was', async (size) => {
    const store = await open()
    const body = Buffer.alloc(size, 'holdfast')
    expect(await store.create('v1/packs/ab/abcd', body)).toBe('created')
    const found = await store.get('v1/packs/ab/abcd')
    expect(found?.body.equals(body)).toBe(true)
    expect(found?.sizeBytes).toBe(size)
    expect(await store.list('')).toMatchObject([{ key: 'v1/packs/ab/abcd', sizeBytes: size }])
  })
}

function describeGet(open: Open): void {
  test('what is not there is undefined, also in an empty store and beside a longer key', async () => {
    const store = await open()
    expect(await store.get('a')).toBeUndefined()
    expect(await store.get('a', { lastBytes: 4 })).toBeUndefined()
    expect(await store.get('a', { offset: 0, lengthBytes: 0 })).toBeUndefined()
    await store.create('a/b', Buffer.from('x'))
    expect(await store.get('a')).toBeUndefined()
    expect(await store.get('a/b/c')).toBeUndefined()
  })

  const ranges: [ByteRange, string][] = [
    [{ offset: 0, lengthBytes: 10 }, '0123456789'],
    [{ offset: 0, lengthBytes: 1 }, '0'],
    [{ offset: 3, lengthBytes: 4 }, '3456'],
    [{ offset: 9, lengthBytes: 1 }, '9'],
    [{ offset: 8, lengthBytes: 100 }, '89'],
    [{ offset: 10, lengthBytes: 1 }, ''],
    [{ offset: 1000, lengthBytes: 5 }, ''],
    [{ offset: 3, lengthBytes: 0 }, ''],
    [{ lastBytes: 3 }, '789'],
    [{ lastBytes: 10 }, '0123456789'],
    [{ lastBytes: 4096 }, '0123456789'],
    [{ lastBytes: 0 }, ''],
  ]
  test.each(ranges)('of ten bytes, the range %j brings "%s"', async (range, expected) => {
    const store = await open()
    await store.create('ten', Buffer.from('0123456789'))
    const found = await store.get('ten', range)
    expect(found?.body.toString()).toBe(expected)
    expect(found?.sizeBytes).toBe(10)
    expect(found?.modifiedAt).toEqual((await store.get('ten'))?.modifiedAt)
  })

  test('a range comes into the memory that is given for it, where that is large enough', async () => {
    const store = await open()
    await store.create('ten', Buffer.from('0123456789'))
    const room = Buffer.alloc(20, '.')
    for (const [offset, lengthBytes, expected] of [
      [3, 4, '3456'],
      [0, 10, '0123456789'],
      [8, 100, '89'],
      [10, 1, ''],
    ] as const) {
      const found = await store.get('ten', { offset, lengthBytes, room })
      expect(found?.body.toString()).toBe(expected)
      expect(found?.sizeBytes).toBe(10)
    }
    const small = Buffer.alloc(3, '.')
    const found = await store.get('ten', { offset: 2, lengthBytes: 5, room: small })
    expect(found?.body.toString()).toBe('23456')
    expect(small.toString()).toBe('...')
    expect(await store.get('none', { offset: 0, lengthBytes: 1, room })).toBeUndefined()
  })

  test('every range of an empty object is empty', async () => {
    const store = await open()
    await store.create('empty', Buffer.alloc(0))
    for (const range of [{ lastBytes: 8 }, { offset: 0, lengthBytes: 8 }]) {
      const found = await store.get('empty', range)
      expect(found).toMatchObject({ sizeBytes: 0 })
      expect(found?.body).toHaveLength(0)
    }
  })

  test('a range that makes no sense is refused', async () => {
    const store = await open()
    await store.create('ten', Buffer.from('0123456789'))
    for (const range of [{ lastBytes: -1 }, { offset: -1, lengthBytes: 1 }, { lastBytes: 0.5 }])
      await expect(store.get('ten', range)).rejects.toThrow(StoreRefusedError)
  })

  test('modifiedAt is the time of the creation, and get and list agree on it', async () => {
    const store = await open()
    const before = Date.now()
    await store.create('timed', Buffer.from('x'))
    const after = Date.now()
    const time = (await store.get('timed'))?.modifiedAt
    // S3 tells whole seconds; the server of these tests has this machine's clock.
    expect(time?.getTime()).toBeGreaterThan(before - 1001)
    expect(time?.getTime()).toBeLessThanOrEqual(after + 1)
    expect(await store.list('timed')).toEqual([{ key: 'timed', sizeBytes: 1, modifiedAt: time }])
  })
}

function describeList(open: Open): void {
  test('an empty store lists nothing', async () => {
    const store = await open()
    expect(await store.list('')).toEqual([])
    expect(await store.list('v1/streams/')).toEqual([])
    expect(await store.folders('')).toEqual([])
    expect(await store.folders('v1/streams/')).toEqual([])
  })

  test('keys are listed in byte order of the whole key, whatever the folders', async () => {
    const store = await open()
    const keys = 'B a!/x a-b a/b a/b-c a.b a/c0/d a/c/d a0 ab b _ ~z'.split(' ')
    await createAll(store, keys)
    const ordered = keys.toSorted((one, other) =>
      Buffer.compare(Buffer.from(one), Buffer.from(other)),
    )
    expect(await keysOf(store, '')).toEqual(ordered)
    for (const after of [...keys, 'a/', 'a', 'a/c', 'a/c/', '0', 'zzz'])
      expect(await keysOf(store, '', { after })).toEqual(
        ordered.filter((key) => Buffer.compare(Buffer.from(key), Buffer.from(after)) > 0),
      )
    for (const prefix of ['a', 'a/', 'a/b', 'a/c/', 'a-', 'nothing', 'a/b/'])
      expect(await keysOf(store, prefix)).toEqual(ordered.filter((key) => key.startsWith(prefix)))
  })

  test('more keys than one answer holds are listed whole, and by pages', async () => {
    const store = await open()
    const keys = Array.from(
      { length: 1100 },
      (_, index) => `v1/versions/${999_999_999_999 - index}-v${index}`,
    )
    await createAll(store, keys)
    const ordered = keys.toReversed()
    expect(await keysOf(store, 'v1/versions/')).toEqual(ordered)
    expect(await keysOf(store, '', { limit: 1 })).toEqual(ordered.slice(0, 1))
    expect(await keysOf(store, '', { limit: 1000 })).toEqual(ordered.slice(0, 1000))
    expect(await keysOf(store, '', { limit: 1001 })).toEqual(ordered.slice(0, 1001))
    expect(await keysOf(store, '', { limit: 5000 })).toEqual(ordered)
    expect(await keysOf(store, '', { limit: 0 })).toEqual([])
    expect(await keysOf(store, 'v1/', { after: ordered[49]!, limit: 3 })).toEqual(
      ordered.slice(50, 53),
    )
    expect(await keysOf(store, 'v1/', { after: ordered.at(-1)! })).toEqual([])
  })

  test('folders are the next parts of the keys below, in byte order, and end with their last object', async () => {
    const store = await open()
    await createAll(store, ['s/a/x/1', 's/a/y/1', 's/a-b/x', 's/a.b/x', 's/file', 't/z/1'])
    expect(await store.folders('s/')).toEqual(['a', 'a-b', 'a.b'])
    expect(await store.folders('s/a/')).toEqual(['x', 'y'])
    expect(await store.folders('')).toEqual(['s', 't'])
    expect(await store.folders('s/a-b/')).toEqual([])
    await store.delete('s/a/y/1')
    expect(await store.folders('s/a/')).toEqual(['x'])
  })

  test('more folders than one answer holds are listed whole', async () => {
    const store = await open()
    const names = Array.from({ length: 1010 }, (_, index) => `shop-${index}`)
    await createAll(
      store,
      names.map((name) => `v1/${name}/0`),
    )
    expect(await store.folders('v1/')).toEqual(names.toSorted())
  })
}

function describeRest(open: Open): void {
  test('a deleted object is gone, to delete it again is no fault, and its key is free', async () => {
    const store = await open()
    await store.delete('never/there')
    await createAll(store, ['d/one', 'd/two'])
    await store.delete('d/one')
    await store.delete('d/one')
    expect(await store.get('d/one')).toBeUndefined()
    expect(await keysOf(store, 'd/')).toEqual(['d/two'])
    await store.delete('d')
    expect(await keysOf(store, 'd/')).toEqual(['d/two'])
    expect(await store.create('d/one', Buffer.from('again'))).toBe('created')
  })

  test.each(['', '/', '/a', 'a/', 'a//b', '..', '../a', 'a/../b', '.', './a', '.hidden', 'a/.b'])(
    '"%s" is no key, and refused by every method',
    async (key) => {
      const store = await open()
      await expect(store.create(key, Buffer.from('x'))).rejects.toThrow(StoreRefusedError)
      await expect(store.get(key)).rejects.toThrow(StoreRefusedError)
      await expect(store.delete(key)).rejects.toThrow(StoreRefusedError)
    },
  )

  test.each(['a b', 'ä', 'a\0b', 'a\nb', '\ud800', 'x'.repeat(1025)])(
    '%j is no key either',
    async (key) => {
      const store = await open()
      await expect(store.create(key, Buffer.from('x'))).rejects.toThrow(StoreRefusedError)
      await expect(store.get(key)).rejects.toThrow(StoreRefusedError)
    },
  )

  test.each(['..', '../', 'a/../', '/', '/a', 'a//', '.hidden/'])(
    '"%s" begins no key: neither listed nor searched for folders',
    async (prefix) => {
      const store = await open()
      await expect(store.list(prefix)).rejects.toThrow(StoreRefusedError)
      await expect(store.folders(prefix)).rejects.toThrow(StoreRefusedError)
    },
  )

  test('a folder is asked for with its slash', async () => {
    const store = await open()
    await expect(store.folders('s')).rejects.toThrow('"s" is no folder')
  })
}

async function keysOf(
  store: ObjectStore,
  prefix: string,
  options?: { after?: string; limit?: number },
): Promise<string[]> {
  const found = await store.list(prefix, options)
  return found.map(({ key }) => key)
}

/** Creates an object for each key, a few at a time. */
async function createAll(store: ObjectStore, keys: string[]): Promise<void> {
  const queue = keys.values()
  const worker = async () => {
    for (const key of queue) expect(await store.create(key, Buffer.from(key))).toBe('created')
  }
  await Promise.all(Array.from({ length: 16 }, worker))
}

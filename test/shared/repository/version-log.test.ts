import * as fc from 'fast-check'
import { expect, it } from 'vitest'
import { CorruptObjectError, NotFoundError } from '../../../shared/errors.ts'
import type { LogRecord } from '../../../shared/repository/log-record.ts'
import { EMPTY_LOG, advance } from '../../../shared/repository/log-state.ts'
import { decodeHeader, encodeObject } from '../../../shared/repository/object-file.ts'
import { versionKey, versionsPrefix } from '../../../shared/repository/object-keys.ts'
import { VersionLog, requireRecord } from '../../../shared/repository/version-log.ts'
import type { Fate } from './memory-store.ts'
import { HandClock, MemoryStore, patience } from './memory-store.ts'
import { STREAM, TestLog, unstated } from './records.ts'

function bodyOf(n: number, id: string): Buffer {
  const record = unstated('open', n, { id, open: n })
  return encodeObject([], { ...record, log: advance(EMPTY_LOG, record) })
}

const idAt = (store: MemoryStore, n: number) => {
  const body = store.objects.get(versionKey(STREAM, n))?.body
  return body && (decodeHeader('key', body) as LogRecord).id
}

const fate = fc.constantFrom<Fate>('request lost', 'answer lost', 'answered')

it('of many bodies for one number exactly one is in the log, and only its writer hears "created", whatever is lost', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fate, { maxLength: 30 }),
      fc.integer({ min: 1, max: 4 }),
      fc.integer({ min: 1, max: 4 }),
      async (fates, writers, numbers) => {
        const store = new MemoryStore()
        const remaining = [...fates]
        store.fateOf = () => remaining.shift() ?? 'answered'
        const write = async (writer: number) => {
          const log = new VersionLog(store, STREAM, patience())
          for (let n = 1; n <= numbers; n += 1) {
            const id = `${writer}-${n}`
            const outcome = await log.create(n, id, bodyOf(n, id))
            expect(outcome).toBe(idAt(store, n) === id ? 'created' : 'taken')
          }
        }
        await Promise.all(Array.from({ length: writers }, (_, writer) => write(writer)))
        expect(store.objects.size).toBe(numbers)
      },
    ),
  )
})

it('repeats the same bytes for as long as nothing answers, and then knows', async () => {
  const store = new MemoryStore()
  const clock = new HandClock()
  store.fateOf = () => (clock.ms < 24 * 3_600_000 ? 'request lost' : 'answered')
  expect(await new VersionLog(store, STREAM, { clock }).create(1, 'a', bodyOf(1, 'a'))).toBe(
    'created',
  )
  expect(idAt(store, 1)).toBe('a')
})

it('says "stale" when the time to sign has passed before its fate was known, though it may be in the log', async () => {
  const store = new MemoryStore()
  const clock = new HandClock()
  store.fateOf = () => 'answer lost'
  const log = new VersionLog(store, STREAM, { clock })
  expect(await log.create(1, 'a', bodyOf(1, 'a'), 5000)).toBe('stale')
  expect(clock.ms).toBeGreaterThan(5000)
  expect(idAt(store, 1)).toBe('a')
})

it('signs nothing at all after that time', async () => {
  const store = new MemoryStore()
  const clock = new HandClock()
  clock.ms = 5001
  const log = new VersionLog(store, STREAM, { clock })
  expect(await log.create(1, 'a', bodyOf(1, 'a'), 5000)).toBe('stale')
  expect(store.calls).toEqual([])
})

it('finds a number taken that retention pruned before it could be read back', async () => {
  const store = new MemoryStore()
  store.objects.set(versionKey(STREAM, 1), { body: bodyOf(1, 'b'), modifiedAt: new Date() })
  store.fateOf = (call) => {
    if (call.startsWith('get')) store.objects.clear()
    return 'answered'
  }
  const log = new VersionLog(store, STREAM, patience())
  expect(await log.create(1, 'a', bodyOf(1, 'a'))).toBe('taken')
})

it('has a head, the newest number, with one listing of one key and one read', async () => {
  const store = new MemoryStore()
  const log = new VersionLog(store, STREAM, patience())
  expect(await log.head()).toBeUndefined()
  const written = new TestLog(store)
  for (const n of [1, 2, 5, 1000, 99_999]) await written.add(unstated('open', n, { open: n }))
  store.calls.length = 0
  expect((await log.head())?.record.n).toBe(99_999)
  expect(store.calls).toHaveLength(2)
  expect((await log.numbers({ below: 1000, limit: 2 })).map(({ n }) => n)).toEqual([5, 2])
})

it('finds the head below one that is pruned between listing and reading', async () => {
  const store = new MemoryStore()
  const written = new TestLog(store)
  await written.add(unstated('open', 1))
  await written.add(unstated('open', 2, { open: 2 }))
  store.fateOf = (call) => {
    if (call.startsWith('get')) store.objects.delete(versionKey(STREAM, 2))
    return 'answered'
  }
  const log = new VersionLog(store, STREAM, patience())
  expect((await log.head())?.record.n).toBe(1)
})

it('does not read past what has no business in the log', async () => {
  const store = new MemoryStore()
  await new TestLog(store).add(unstated('open', 1))
  store.objects.set(`${versionsPrefix(STREAM)}0-notes.txt`, {
    body: Buffer.from('x'),
    modifiedAt: new Date(),
  })
  const log = new VersionLog(store, STREAM, patience())
  await expect(log.head()).rejects.toThrow(CorruptObjectError)
})

it('is fenced where a repeated PUT is refused, and not where it overwrites', async () => {
  const store = new MemoryStore()
  const log = new VersionLog(store, STREAM, patience())
  await log.create(1, 'a', bodyOf(1, 'a'))
  expect(await log.isFenced(1, bodyOf(1, 'a'))).toBe(true)
  store.create = () => Promise.resolve('created')
  expect(await log.isFenced(1, bodyOf(1, 'a'))).toBe(false)
})

it('says of a number that is not there which are', async () => {
  const store = new MemoryStore()
  const log = new VersionLog(store, STREAM, patience())
  await expect(requireRecord(log, 3)).rejects.toThrow('stream shop/shop/0 has no versions')
  await new TestLog(store).add(unstated('open', 1))
  await expect(requireRecord(log, 3)).rejects.toThrow(NotFoundError)
  await expect(requireRecord(log, 3)).rejects.toThrow('has no v3; the newest number is v1')
})

import * as fc from 'fast-check'
import { expect, it } from 'vitest'
import { CorruptObjectError, NotFoundError, UsageError } from '../../../shared/errors.ts'
import { versionKey } from '../../../shared/repository/object-keys.ts'
import { resolvePin } from '../../../shared/repository/resolve-pin.ts'
import { createTag, listTags, readTag } from '../../../shared/repository/tags.ts'
import { VersionLog } from '../../../shared/repository/version-log.ts'
import { MemoryStore, patience } from './memory-store.ts'
import { STREAM, TestLog, unstated } from './records.ts'

function emptyLog() {
  const store = new MemoryStore()
  return { store, log: new VersionLog(store, STREAM, patience()), written: new TestLog(store) }
}

const version = (n: number, parent: number, complete = true) =>
  unstated('version', n, { parent, complete })

it('"fresh" is nothing, "latest" the head of the main line, nothing where there is none', async () => {
  const { store, log, written } = emptyLog()
  expect(await resolvePin(store, log, { kind: 'latest' })).toBe(0)
  await written.add(unstated('open', 1))
  await written.add(version(2, 0))
  await written.add(unstated('closed', 3))
  await written.add(unstated('version', 4, { branch: true, parent: 2, lineage: 'L0/w1' }))
  expect(await resolvePin(store, log, { kind: 'latest' })).toBe(2)
  expect(await resolvePin(store, log, { kind: 'fresh' })).toBe(0)
})

it('"latest" after a restore is what was restored', async () => {
  const { store, log, written } = emptyLog()
  await written.add(unstated('open', 1))
  await written.add(version(2, 0))
  await written.add(version(3, 2))
  await written.add(unstated('restore', 4, { resolved: 2, lineage: 'L4' }))
  expect(await resolvePin(store, log, { kind: 'latest' })).toBe(2)
})

it('a number is that version, on a branch too; a record that is none says what it is', async () => {
  const { store, log, written } = emptyLog()
  await written.add(unstated('open', 1))
  await written.add(unstated('version', 2, { branch: true }))
  expect(await resolvePin(store, log, { kind: 'version', number: 2 })).toBe(2)
  const resolve = (number: number) => resolvePin(store, log, { kind: 'version', number })
  await expect(resolve(1)).rejects.toThrow('v1 of shop/shop/0 is a record ("open"), no version')
  await expect(resolve(3)).rejects.toThrow(NotFoundError)
})

it('a tag is the version that it was made for, for ever', async () => {
  const { store, log, written } = emptyLog()
  await written.add(version(1, 0))
  await written.add(version(2, 1))
  await createTag(store, STREAM, 'before-upgrade', 1)
  await createTag(store, STREAM, 'before-upgrade', 1)
  await expect(createTag(store, STREAM, 'before-upgrade', 2)).rejects.toThrow(UsageError)
  expect(await resolvePin(store, log, { kind: 'tag', tag: 'before-upgrade' })).toBe(1)
  expect(await listTags(store, STREAM)).toEqual(['before-upgrade'])
  const missing = resolvePin(store, log, { kind: 'tag', tag: 'no-such' })
  await expect(missing).rejects.toThrow('no version tagged "no-such"')
})

it('a tag under the key of another tag is refused', async () => {
  const { store } = emptyLog()
  await createTag(store, STREAM, 'one', 1)
  const [[key, object]] = [...store.objects] as [[string, { body: Buffer; modifiedAt: Date }]]
  store.objects.set(key.replace('one', 'two'), object)
  await expect(readTag(store, STREAM, 'two')).rejects.toThrow(CorruptObjectError)
})

interface Planned {
  readonly n: number
  readonly atMs: number
  readonly kind: 'version' | 'partial' | 'branch' | 'closed'
}

/** Numbers with holes, times that grow or stand still. */
const history: fc.Arbitrary<Planned[]> = fc
  .array(
    fc.record({
      step: fc.integer({ min: 1, max: 40 }),
      waitMs: fc.nat(3),
      kind: fc.constantFrom('version' as const, 'version', 'partial', 'branch', 'closed'),
    }),
    { maxLength: 40 },
  )
  .map((steps) => {
    let [n, atMs] = [0, 1000]
    return steps.map(({ step, waitMs, kind }) => {
      n += step
      atMs += waitMs
      return { n, atMs, kind }
    })
  })

async function write({ store, written }: ReturnType<typeof emptyLog>, planned: readonly Planned[]) {
  let parent = 0
  for (const { n, atMs, kind } of planned) {
    store.now = () => new Date(atMs)
    if (kind === 'closed') await written.add(unstated('closed', n))
    else
      await written.add(
        unstated('version', n, { branch: kind === 'branch', complete: kind !== 'partial', parent }),
      )
    if (kind === 'version' || kind === 'partial') parent = n
  }
}

it('a time is the newest complete version of the main line not after it: as a walk over all finds it', async () => {
  await fc.assert(
    fc.asyncProperty(history, fc.integer({ min: 990, max: 1130 }), async (planned, atMs) => {
      const repository = emptyLog()
      await write(repository, planned)
      const expected = planned.findLast((each) => each.kind === 'version' && each.atMs <= atMs)
      const pin = { kind: 'time', time: new Date(atMs) } as const
      expect(await resolvePin(repository.store, repository.log, pin)).toBe(expected?.n ?? 0)
    }),
    { numRuns: 300 },
  )
})

it('a time costs a few requests in a long log', async () => {
  const repository = emptyLog()
  const planned = Array.from({ length: 5000 }, (_, i) => ({
    n: i * 7 + 1,
    atMs: i,
    kind: 'version' as const,
  }))
  await write(repository, planned)
  repository.store.calls.length = 0
  const pin = { kind: 'time', time: new Date(1234) } as const
  expect(await resolvePin(repository.store, repository.log, pin)).toBe(1234 * 7 + 1)
  expect(repository.store.calls.length).toBeLessThan(40)
})

it('a time whose versions retention thins while it is asked for falls on an older one, not on nothing', async () => {
  const repository = emptyLog()
  await write(repository, [
    { n: 1, atMs: 1, kind: 'version' },
    { n: 2, atMs: 2, kind: 'version' },
    { n: 3, atMs: 3, kind: 'version' },
  ])
  const { store, log } = repository
  store.fateOf = (call) => {
    if (call === `get ${versionKey(STREAM, 3)}`) store.objects.delete(versionKey(STREAM, 3))
    return 'answered'
  }
  expect(await resolvePin(store, log, { kind: 'time', time: new Date(9) })).toBe(2)
})

it('a time that falls on a lineage left by a restore is what was current then', async () => {
  const { store, log, written } = emptyLog()
  const at = (ms: number) => (store.now = () => new Date(ms))
  at(1)
  await written.add(version(1, 0))
  at(2)
  await written.add(version(2, 1))
  at(3)
  await written.add(unstated('restore', 3, { resolved: 1, lineage: 'L3', parent: 1 }))
  const resolve = (ms: number) => resolvePin(store, log, { kind: 'time', time: new Date(ms) })
  expect([await resolve(0), await resolve(1), await resolve(2), await resolve(3)]).toEqual([
    0, 1, 2, 1,
  ])
})

it('a tag that only another slot has stands for its time: the newest complete version not after it', async () => {
  const { store, log, written } = emptyLog()
  const other = { ...STREAM, slot: '1' }
  let minute = 0
  store.now = () => new Date(Date.UTC(2026, 10, 20, 12, minute))
  await written.add(version(1, 0))
  minute = 1
  await written.add(version(2, 1, false))
  minute = 2
  await new TestLog(store, other).add(version(1, 0))
  await createTag(store, other, 'before-upgrade', 1)
  minute = 3
  await written.add(version(3, 2))
  const pin = { kind: 'tag', tag: 'before-upgrade' } as const
  expect(await resolvePin(store, log, pin)).toBe(1)
  // Its own tag goes before the others'.
  await createTag(store, STREAM, 'before-upgrade', 3)
  expect(await resolvePin(store, log, pin)).toBe(3)
})

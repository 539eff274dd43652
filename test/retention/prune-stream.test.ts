/** What one run, two runs and two prunes at once do to a stream, over a store in memory. */
import { expect, it } from 'vitest'
import { OvertakenError } from '../../cli/overtaken-error.ts'
import { namingRights } from '../../cli/prune-rights.ts'
import { CorruptObjectError, NotFoundError } from '../../shared/errors.ts'
import { AccessDeniedError } from '../../shared/object-store/object-store.ts'
import { createHold } from '../../shared/repository/holds.ts'
import { locateMoved } from '../../shared/repository/moved-pack.ts'
import { holdKey, versionKey } from '../../shared/repository/object-keys.ts'
import { readPrune } from '../../shared/repository/prune-record.ts'
import { resolvePin } from '../../shared/repository/resolve-pin.ts'
import { DAY_MS, HOUR_MS } from '../../shared/retention/keep-policy.ts'
import { STREAM } from '../shared/repository/records.ts'
import { PrunedWorld } from './pruned-world.ts'
import { wrongIn } from './read-back.ts'

/** Nothing but what is always kept. */
const NOTHING = { allMs: 0, hourly: 0, daily: 0, weekly: 0 }

/** v1 is the `open`; v2 to v7 each tell all of their entries anew, so that none needs another. */
async function sixVersions(): Promise<PrunedWorld> {
  const world = new PrunedWorld()
  const writer = world.start()
  for (let i = 0; i < 6; i += 1) {
    world.pass(HOUR_MS)
    await world.commit(writer, ['0/a', '0/b'], { packed: true, full: true, bytes: 90_000 })
  }
  world.pass(2 * DAY_MS)
  return world
}

const agreed = { keep: NOTHING, confirmed: 5 }
const pin = (world: PrunedWorld, number: number) =>
  resolvePin(world.store, world.log, { kind: 'version', number })

it('the first run makes a plan and removes nothing; what it names resolves no more', async () => {
  const world = await sixVersions()
  const { swept } = await world.prune(agreed)
  expect(swept).toMatchObject({ versions: 0, objects: 0 })
  expect(await world.versionObjects()).toEqual([2, 3, 4, 5, 6, 7])
  expect(await world.resolving()).toEqual([7])
  await expect(pin(world, 3)).rejects.toThrow(NotFoundError)
  await expect(pin(world, 3)).rejects.toThrow(
    /^v3 of shop\/shop\/0 is to be pruned \(planned at 2026/,
  )
  expect(await pin(world, 7)).toBe(7)
})

it('a run before a day has passed changes nothing, one after it removes what was planned', async () => {
  const world = await sixVersions()
  await world.prune(agreed)
  world.pass(DAY_MS - 1)
  const early = await world.prune({ keep: { ...NOTHING, daily: 30 } })
  expect(early.decision.waitsUntil).toEqual(new Date(world.ms + 1))
  expect(await world.resolving()).toEqual([7])
  world.pass(1)
  expect((await world.prune(agreed)).swept).toMatchObject({ versions: 5, objects: 5 })
  expect(await world.versionObjects()).toEqual([7])
  expect(world.keys('packs/')).toHaveLength(1)
  await expect(pin(world, 3)).rejects.toThrow('has no v3')
  expect(await wrongIn(world, 7)).toBeUndefined()
})

it('what a hold, a tag or a wider policy protects by then resolves again, whole', async () => {
  const world = await sixVersions()
  await world.prune(agreed)
  await createHold(world.store, STREAM, 3, '')
  await world.tag(5, 'late')
  world.pass(DAY_MS)
  await world.prune(agreed)
  expect(await world.resolving()).toEqual([3, 5, 7])
  for (const n of [3, 5, 7]) expect(await wrongIn(world, n)).toBeUndefined()
  expect(await pin(world, 3)).toBe(3)
})

it('what is only planned loses no byte to compaction', async () => {
  const world = new PrunedWorld()
  const writer = world.start()
  const names = ['0/a', '0/b', '0/c', '0/d']
  const planned = await world.commit(writer, names, { packed: true, full: true, bytes: 90_000 })
  await world.commit(writer, names.slice(1), { packed: true, full: true, bytes: 90_000 })
  world.pass(2 * DAY_MS)
  expect((await world.prune(agreed)).swept?.compacted).toBe(0)
  expect(await wrongIn(world, planned)).toBeUndefined()
  await createHold(world.store, STREAM, planned, '')
  world.pass(DAY_MS)
  await world.prune(agreed)
  expect(await world.resolving()).toEqual([planned, writer.parent])
  expect(await wrongIn(world, planned)).toBeUndefined()
})

it('a hold that comes when the version is gone, and its object stays, brings nothing back', async () => {
  const world = new PrunedWorld()
  const writer = world.start()
  for (let i = 0; i < 6; i += 1) await world.commit(writer, [`0/${i}`])
  world.pass(2 * DAY_MS)
  await world.prune(agreed)
  world.pass(DAY_MS)
  const { staying } = await world.prune(agreed)
  // Each holds bytes of a file that the newest version still has.
  expect([...staying.keys()]).toEqual([2, 3, 4, 5, 6])
  await createHold(world.store, STREAM, 4, 'too late')
  world.pass(DAY_MS)
  await world.prune(agreed)
  expect(await world.resolving()).toEqual([7])
  await expect(pin(world, 4)).rejects.toThrow('v4 of shop/shop/0 was pruned')
  await world.store.delete(holdKey(STREAM, 4))
})

it('a time falls on the newest version that is kept, also in the middle of a plan', async () => {
  const world = await sixVersions()
  await createHold(world.store, STREAM, 3, '')
  const at = (n: number) => world.store.objects.get(versionKey(STREAM, n))?.modifiedAt as Date
  const resolve = (n: number) => resolvePin(world.store, world.log, { kind: 'time', time: at(n) })
  await world.prune(agreed)
  expect([await resolve(6), await resolve(3), await resolve(2)]).toEqual([3, 3, 0])
})

it('the policy is what the newest version was declared with, each key overridden alone', async () => {
  const world = await sixVersions()
  const writer = world.start()
  await world.commit(writer, ['0/a'], { keep: { allMs: 1, hourly: 2, daily: 3, weekly: 4 } })
  const { keep } = await world.prune({ keep: { daily: 9 }, dryRun: true })
  expect(keep).toEqual({ allMs: 1, hourly: 2, daily: 9, weekly: 4 })
})

it('a plan that would take more than half stops, and goes on with the value that it gave', async () => {
  const world = new PrunedWorld()
  const writer = world.start()
  for (let i = 0; i < 40; i += 1) await world.commit(writer, ['0/a'], { packed: true, full: true })
  world.pass(2 * DAY_MS)
  const before = [...world.store.objects.keys()]
  const { decision } = await world.prune({ keep: NOTHING })
  expect(decision.stopped).toEqual({ versions: 39, of: 40 })
  for (const confirmed of [1, 28, 50, 390])
    expect((await world.prune({ keep: NOTHING, confirmed })).decision.stopped).toBeDefined()
  expect([...world.store.objects.keys()]).toEqual(before)
  await world.prune({ keep: NOTHING, confirmed: 39 })
  expect(await world.resolving()).toHaveLength(1)
})

it('a handful goes without a word', async () => {
  const world = await sixVersions()
  expect((await world.prune({ keep: NOTHING })).decision).toMatchObject({ stopped: undefined })
  expect(await world.resolving()).toEqual([7])
})

it('uploads that nothing names go when they are older than a day at the plan, and a day later', async () => {
  const world = await sixVersions()
  world.uploadGarbage()
  const keep = { ...NOTHING, hourly: 10_000 }
  await world.prune({ keep, confirmed: 6 })
  world.pass(DAY_MS)
  world.uploadGarbage()
  const garbage = world.keys('packs/').length
  await world.prune({ keep }) // both are there: one is too young, the other is planned now
  expect(world.keys('packs/')).toHaveLength(garbage)
  world.pass(DAY_MS)
  await world.prune({ keep })
  expect(world.keys('packs/')).toHaveLength(garbage - 1)
  world.pass(DAY_MS)
  await world.prune({ keep })
  expect(world.keys('packs/')).toHaveLength(garbage - 2)
})

it('a pack that loses half of its bytes, again and again, is moved each time, and read through all moves', async () => {
  const world = new PrunedWorld()
  const writer = world.start()
  const names = Array.from({ length: 16 }, (_, i) => `0/${i}`)
  const first = await world.commit(writer, names, { packed: true, full: true, bytes: 300_000 })
  const [original = ''] = world.keys('packs/').map((key) => key.slice('packs/'.length))
  for (const left of [7, 3, 1]) {
    const changed = names.slice(left)
    await world.commit(writer, changed, { packed: true, full: true, bytes: 10 })
    world.pass(2 * DAY_MS)
    await world.prune({ keep: NOTHING })
    world.pass(DAY_MS)
    expect((await world.prune({ keep: NOTHING })).swept?.compacted).toBe(1)
    expect(await wrongIn(world, writer.parent)).toBeUndefined()
  }
  expect(world.keys('moved/')).toHaveLength(3)
  expect((await locateMoved(world.store, STREAM, original))?.offsets.size).toBe(1)
  // When nothing of it is needed any more, all of it goes.
  await world.commit(writer, names, { packed: true, full: true, bytes: 10 })
  world.pass(2 * DAY_MS)
  for (let run = 0; run < 3; run += 1) {
    await world.prune({ keep: NOTHING })
    world.pass(DAY_MS)
  }
  expect(world.keys('moved/')).toEqual([])
  expect(world.keys('packs/')).toHaveLength(1)
  expect(first).toBe(2)
})

it('of two prunes at once one is told so, and removes nothing', async () => {
  const world = await sixVersions()
  const slow = world.prune(agreed, {
    step: async (name) => {
      if (name === 'surveyed') await world.prune(agreed)
    },
  })
  await expect(slow).rejects.toThrow(OvertakenError)
  expect((await readPrune(world.store, STREAM))?.record.k).toBe(1)
})

it('a prune that slept through others does not go by what it saw', async () => {
  const world = await sixVersions()
  await world.prune(agreed)
  world.pass(DAY_MS)
  // It is about to write that v3 is gone; then v3 is held, and others carry the plan out without it.
  let asleep = true
  world.store.beforeCreate = async (key) => {
    if (!asleep || !key.includes('/prune/')) return
    asleep = false
    await createHold(world.store, STREAM, 3, '')
    await world.prune(agreed)
    for (let i = 0; i < 2; i += 1) {
      await world.commit(world.start(), ['0/a'], { full: true })
      world.pass(3 * DAY_MS)
      await world.prune(agreed)
    }
    expect(world.keys('prune/')).toEqual([expect.stringMatching(/-p4$/)])
  }
  const slow = world.prune(agreed)
  await expect(slow).rejects.toThrow(OvertakenError)
  expect(await world.resolving()).toContain(3)
  expect(await wrongIn(world, 3)).toBeUndefined()
})

it('a record whose answer was lost is its own all the same', async () => {
  const world = await sixVersions()
  const create = world.store.create.bind(world.store)
  world.store.create = async (key, body) => {
    await create(key, body)
    return create(key, body)
  }
  await world.prune(agreed)
  expect(await world.resolving()).toEqual([7])
})

it('a log that cannot all be read is not pruned', async () => {
  const world = await sixVersions()
  const object = world.store.objects.get(versionKey(STREAM, 4))
  object?.body.fill(0, object.body.length - 80)
  const before = [...world.store.objects.keys()]
  await expect(world.prune(agreed)).rejects.toThrow(CorruptObjectError)
  expect([...world.store.objects.keys()]).toEqual(before)
})

it('a dry run decides the same, and writes nothing', async () => {
  const world = await sixVersions()
  const before = [...world.store.objects.keys()]
  const { decision, swept } = await world.prune({ ...agreed, dryRun: true })
  expect(swept).toBeUndefined()
  expect([...decision.planned]).toEqual([2, 3, 4, 5, 6])
  expect([...world.store.objects.keys()]).toEqual(before)
})

it.each([
  ['create', 's3:PutObject'],
  ['get', 's3:GetObject'],
  ['list', 's3:ListBucket'],
  ['folders', 's3:ListBucket'],
  ['delete', 's3:DeleteObject'],
] as const)(
  'a store that refuses to %s is told by the right that is missing',
  async (method, right) => {
    const { store } = await sixVersions()
    const refusing = Object.assign(Object.create(store) as typeof store, {
      [method]: () => Promise.reject(new AccessDeniedError('403')),
    })
    const named = namingRights(refusing)
    const calls = {
      create: () => named.create('a', Buffer.alloc(0)),
      get: () => named.get('a'),
      list: () => named.list(''),
      folders: () => named.folders(''),
      delete: () => named.delete('a'),
    }
    await expect(calls[method]()).rejects.toThrow(right)
    await expect(calls[method]()).rejects.toThrow(AccessDeniedError)
  },
)

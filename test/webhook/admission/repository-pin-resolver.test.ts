import { expect, it } from 'vitest'
import { parsePin } from '../../../shared/pin.ts'
import { createTag } from '../../../shared/repository/tags.ts'
import { repositoryPinResolver } from '../../../webhook/admission/repository-pin-resolver.ts'
import { MemoryStore } from '../../shared/repository/memory-store.ts'
import { STREAM, TestLog, unstated } from '../../shared/repository/records.ts'

function world() {
  const store = new MemoryStore()
  const resolve = (slot: string | null, pinText: string) =>
    repositoryPinResolver(() => Promise.resolve(store))(
      { namespace: STREAM.namespace, app: STREAM.app, slot, store: 'memory:' },
      parsePin(pinText),
      pinText,
      null,
    )
  const addVersion = async (slot: string, ...numbers: number[]) => {
    const log = new TestLog(store, { ...STREAM, slot })
    for (const n of numbers)
      await log.add(unstated('version', n, { parent: n - 1, complete: true }))
  }
  return { store, resolve, addVersion }
}

it('for a pod that takes its slot later, the first slot in which the pin names a version stands for all', async () => {
  const { store, resolve, addVersion } = world()
  await addVersion('10', 1, 2, 3)
  await addVersion('2', 1, 2)
  await createTag(store, { ...STREAM, slot: '10' }, 'before-upgrade', 3)
  expect((await resolve(null, 'v1')).version).toBe(1)
  expect((await resolve(null, 'v3')).version).toBe(3)
  expect((await resolve(null, 'latest')).version).toBe(2)
  // The second slot knows the tag by its time.
  expect((await resolve(null, 'before-upgrade')).version).toBe(2)
  expect((await resolve('10', 'before-upgrade')).version).toBe(3)
  await expect(resolve(null, 'v9')).rejects.toThrow('stream shop/shop/2 has no v9')
})

it('an app without versions can be pinned to what needs none', async () => {
  const { resolve } = world()
  expect((await resolve(null, 'fresh')).version).toBe(null)
  expect((await resolve(null, 'latest')).version).toBe(null)
  await expect(resolve(null, 'v1')).rejects.toThrow(
    'cannot restore v1: app shop/shop has no versions; take the label off, or wait for the first one',
  )
  await expect(resolve('0', 'v1')).rejects.toThrow('stream shop/shop/0 has no versions')
})

import { expect, it } from 'vitest'
import { parsePin } from '../../../shared/pin.ts'
import { createTag } from '../../../shared/repository/tags.ts'
import { repositoryPinResolver } from '../../../webhook/admission/repository-pin-resolver.ts'
import { MemoryStore } from '../../shared/repository/memory-store.ts'
import { STREAM, TestLog, unstated } from '../../shared/repository/records.ts'

function world() {
  const store = new MemoryStore()
  // All at one time, however slow the machine: a tag is known to another slot by it.
  store.now = () => new Date('2026-11-20T14:15:00Z')
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

const DIGEST = `sha256:${'a'.repeat(64)}`
const OTHER = `sha256:${'b'.repeat(64)}`
const shop = (digest?: string, image = 'shop:1.4') => ({
  container: 'shop',
  image,
  ...(digest !== undefined && { digest }),
})

interface LaterRecord {
  readonly images: object[]
  readonly uid?: string
  readonly kind?: 'version' | 'done'
}

async function imagesOfFirst(...later: LaterRecord[]): Promise<object> {
  const { store, resolve } = world()
  const log = new TestLog(store)
  const versions: LaterRecord[] = [{ images: [shop()] }, ...later]
  for (const [index, { images, uid = 'uid-1', kind = 'version' }] of versions.entries()) {
    const pod = { name: 'shop-0', uid, boot: 'boot-1', node: 'node-a' }
    await log.add({ ...unstated(kind, index + 1, { parent: 0 }), images, pod } as never)
  }
  return (await resolve('0', 'v1')).images
}

it.each([
  [
    'a later version of the same pod has it',
    [{ images: [shop()] }, { images: [shop(DIGEST)] }],
    DIGEST,
  ],
  ['other records lie between', [{ images: [], kind: 'done' }, { images: [shop(DIGEST)] }], DIGEST],
  [
    'another pod has another one',
    [{ images: [shop(DIGEST)] }, { images: [shop(OTHER)], uid: 'uid-2' }],
    DIGEST,
  ],
  ['nobody ever knew it', [{ images: [shop()] }, { images: [shop()] }], undefined],
  ['only another pod knew it', [{ images: [shop(OTHER)], uid: 'uid-2' }], undefined],
  ['it is that of another image', [{ images: [shop(OTHER, 'shop:1.5')] }], undefined],
  ['there is no later version', [], undefined],
] as const)('a version that knew no digest yet gets it where %s', async (_where, later, digest) => {
  expect(await imagesOfFirst(...(later as unknown as LaterRecord[]))).toEqual([shop(digest)])
})

it('a digest that the version has itself stands', async () => {
  const { store, resolve } = world()
  const log = new TestLog(store)
  await log.add(unstated('version', 1, { parent: 0, images: [shop(DIGEST)] }))
  await log.add(unstated('version', 2, { parent: 1, images: [shop(OTHER)] }))
  expect((await resolve('0', 'v1')).images).toEqual([shop(DIGEST)])
})

/** What a start promises for every volume that it may find. */
import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { createPod, temporaryFolder } from '../support/agent-pod.ts'
import { hashOf, isShipped, treeOf, viewRepository } from '../support/repository-view.ts'
import { expectHeld } from './held-start.ts'
import { pastStream } from './past-stream.ts'

describe('an empty volume with history', () => {
  test('resumes', async () => {
    const { store, view } = await pastStream()
    const pod = await createPod({ store })
    await pod.start().ready()
    expect(treeOf(pod.data)).toEqual(await view.tree(await view.latest()))
  })

  test('stays empty where the declaration says fresh, and the history stays', async () => {
    const { store, view } = await pastStream()
    const latest = await view.latest()
    const pod = await createPod({ store, whenEmpty: 'fresh' })
    const agent = pod.start()
    await agent.ready()
    expect(fs.readdirSync(pod.data)).toEqual([])
    pod.write('new', 'a new beginning')
    await isShipped(agent, pod, view)
    expect(await view.tree(latest)).toHaveProperty('orders/1')
  })

  test('holds where the declaration says fail', async () => {
    const { store, view } = await pastStream()
    await expectHeld(await createPod({ store, whenEmpty: 'fail' }), view, /whenEmpty: fail/)
  })
})

describe('a mark that cannot be right stops the start with one sentence', () => {
  test('of another stream', async () => {
    const { store, view, volume } = await pastStream()
    const pod = await createPod({ store, volume, app: 'other' })
    const agent = await expectHeld(pod, view, /belongs to stream market\/shop\/0.*market\/other\/0/)
    expect(await agent.stop()).toEqual({ code: 0, signal: null })
  })

  test('ahead of the log, because the store is another one', async () => {
    const { volume } = await pastStream()
    const swapped = `file://${temporaryFolder()}/other`
    const pod = await createPod({ store: swapped, volume })
    await expectHeld(pod, await viewRepository(swapped), /which the repository does not have/)
  })
})

test('a volume that is not there holds the start', async () => {
  const { store, view } = await pastStream()
  const pod = await createPod({ store })
  fs.rmdirSync(pod.data)
  const agent = await expectHeld(pod, view, /the volume at .*\/data is not there/)
  expect(await agent.stop()).toEqual({ code: 0, signal: null })
})

test('what one declared path holds is saved before a restore, also when another one has gone', async () => {
  const both = ['orders', 'letters'].map((name) => {
    return { path: `/data/${name}`, at: `/data/${name}`, as: 'files' as const, exclude: [] }
  })
  const store = `file://${temporaryFolder()}/store`
  const volume = temporaryFolder()
  const pod = await createPod({ store, volume, paths: both })
  pod.write('orders/order', 'an order')
  pod.write('letters/letter', 'a letter')
  const view = await viewRepository(store)
  const agent = pod.start()
  await agent.until('both are shipped', async () => {
    const kept = await view.everything()
    return kept.has(hashOf('an order')) && kept.has(hashOf('a letter'))
  })
  await agent.stop()
  const first = await view.latest()
  pod.write('orders/order', 'changed while nobody shipped')
  fs.rmSync(path.join(pod.data, 'letters'), { recursive: true })
  const pinned = await createPod({ store, volume, paths: both, pin: `v${first}` })
  await pinned.start().ready()
  expect(pinned.read('orders/order')).toBe('an order')
  expect(pinned.read('letters/letter')).toBe('a letter')
  expect(await view.everything()).toContain(hashOf('changed while nobody shipped'))
})

describe('room', () => {
  test('a sizeLimit that the version exceeds holds the start with both numbers', async () => {
    const { store, view } = await pastStream({}, 3 * 1024 ** 2)
    const volumes = [{ at: '/data', sizeLimitBytes: 2 * 1024 ** 2, memory: false }]
    const words = /limited to 2\.0 MiB, the version holds 3\.0 MiB/
    await expectHeld(await createPod({ store, volumes }), view, words)
  })

  test('a file system that is too small holds the start with both numbers', async (context) => {
    const { store, view } = await pastStream({}, 3 * 1024 ** 2)
    const small = temporaryFolder()
    if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'none', small]).status !== 0) {
      console.log('not tested: no small file system, because this user may not mount a tmpfs')
      return context.skip()
    }
    onTestFinished(() => void spawnSync('umount', ['-l', small]))
    const pod = await createPod({ store, volume: small })
    await expectHeld(pod, view, /has 1\.0 MiB free, the version needs \d+\.\d MiB more/)
  })
})

test.each([
  ['v9999', /cannot restore v9999: stream market\/shop\/0 has no v9999/],
  ['never-made', /cannot restore never-made: .*no version tagged "never-made"/],
])('a pin to %s, which is not there, holds the start and says so', async (pin, words) => {
  const { store, view, volume } = await pastStream()
  const agent = await expectHeld(await createPod({ store, volume, pin }), view, words)
  expect(await agent.stop()).toEqual({ code: 0, signal: null })
})

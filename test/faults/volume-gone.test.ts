/** Volumes that are unmounted, or swapped for others, under a running agent: real mounts, for root alone. */
import fs from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { createPod, temporaryFolder } from '../support/agent-pod.ts'
import { mount, unmount } from '../support/mount.ts'
import { isShipped, viewRepository } from '../support/repository-view.ts'

test('a volume that is unmounted or swapped commits nothing; it is said, and goes on when it is back', async (context) => {
  const disk = temporaryFolder()
  const other = temporaryFolder()
  const volume = temporaryFolder()
  if (!mount('--bind', disk, volume)) {
    console.log('not tested: this user may not mount')
    return context.skip()
  }
  const pod = await createPod({ store: `file://${temporaryFolder()}/store`, volume })
  for (let n = 0; n < 20; n += 1) pod.write(`orders/${n}`, `order ${n}`)
  const view = await viewRepository(pod.assignment.store)
  const agent = pod.start()
  await isShipped(agent, pod, view)
  const latest = await view.latest()
  const problem = async () => (await agent.health()).problem

  unmount(volume)
  // Only a look finds it: an unmount is no event of any file.
  fs.writeFileSync(path.join(disk, 'meanwhile'), 'written where nobody looks')
  await agent.drain()
  await agent.until('it says so', async () => (await problem()) !== '')
  expect((await agent.health()).lagSeconds).toBeGreaterThan(0)

  fs.writeFileSync(path.join(other, 'foreign'), 'of another app')
  expect(mount('--bind', other, volume)).toBe(true)
  await agent.until('it still says so', async () => (await problem()) !== '')
  expect(await view.latest()).toBe(latest)

  unmount(volume)
  expect(mount('--bind', disk, volume)).toBe(true)
  await agent.until('it goes on', async () => (await problem()) === '')
  await isShipped(agent, pod, view)
  expect((await view.versions()).every(({ counts }) => counts.files >= 20)).toBe(true)
  expect(await agent.stop()).toEqual({ code: 0, signal: null })
})

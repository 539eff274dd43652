/** Files that the sidecar may not read: its user is bound by their modes. */
import fs from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { createPod, temporaryFolder } from '../support/agent-pod.ts'
import { hashOf, isShipped, treeOf, viewRepository } from '../support/repository-view.ts'
import { expectHeld } from './held-start.ts'

async function boundPod() {
  const pod = await createPod({ store: `file://${temporaryFolder()}/store`, bound: true })
  pod.write('open', 'anybody reads this')
  pod.write('directory/inside', 'in a directory')
  pod.write('secret', 'not for everyone')
  const view = await viewRepository(pod.assignment.store)
  const agent = pod.start()
  await isShipped(agent, pod, view)
  return { pod, agent, view, tree: treeOf(pod.data) }
}

describe('what its user may not read', () => {
  test('a file: the version is partial, lists it, and carries on what it was', async () => {
    const { pod, agent, view, tree } = await boundPod()
    fs.chmodSync(path.join(pod.data, 'secret'), 0o000)
    pod.write('open', 'changed')
    await agent.until('a partial version', async () => !(await agent.health()).lastComplete)
    const newest = (await view.versions()).at(-1)
    expect(newest?.complete).toBe(false)
    expect(newest?.faults.unreadable).toBe(1)
    const kept = await view.tree(newest?.n ?? 0)
    expect(kept).toEqual({ ...tree, open: hashOf('changed') })
    fs.chmodSync(path.join(pod.data, 'secret'), 0o600)
    await agent.until('a complete version', async () => (await agent.health()).lastComplete)
  })

  test('a directory: its entries are carried on stale, nothing in it is deleted', async () => {
    const { pod, agent, view, tree } = await boundPod()
    fs.chmodSync(path.join(pod.data, 'directory'), 0o000)
    pod.write('open', 'changed')
    await agent.until('a partial version', async () => !(await agent.health()).lastComplete)
    expect(await view.tree(await view.latest())).toEqual({ ...tree, open: hashOf('changed') })
  })

  test('anything at all, before a restore: what cannot be saved is not overwritten', async () => {
    const { pod, agent, view } = await boundPod()
    const first = (await view.versions())[0]?.n
    pod.write('open', 'changed')
    await isShipped(agent, pod, view)
    await agent.stop()
    fs.chmodSync(path.join(pod.data, 'secret'), 0o000)
    const { store } = pod.assignment
    const pinned = await createPod({ store, volume: pod.data, bound: true, pin: `v${first}` })
    await expectHeld(pinned, undefined, /secret.*EACCES/)
    expect(pod.read('open')).toBe('changed')
  })
})

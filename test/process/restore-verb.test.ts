/** `agent restore`: the start alone, as an init container would run it; `replicate` then goes on in the same pod. */
import { expect, test } from 'vitest'
import { createPod, temporaryFolder } from '../support/agent-pod.ts'
import { runVerb } from '../support/agent-process.ts'
import { isShipped, treeOf, viewRepository } from '../support/repository-view.ts'

async function past() {
  const store = `file://${temporaryFolder()}/store`
  const view = await viewRepository(store)
  const pod = await createPod({ store })
  pod.write('orders/1', 'an order')
  const agent = pod.start()
  await isShipped(agent, pod, view)
  await agent.stop()
  return { store, view, tree: treeOf(pod.data) }
}

test('brings the volume to the head and ends; the agent that follows restores nothing again, and ships', async () => {
  const { store, view, tree } = await past()
  const pod = await createPod({ store })
  const { code, text } = await runVerb('restore', pod.env)
  expect(code, text).toBe(0)
  expect(treeOf(pod.data)).toEqual(tree)
  pod.write('orders/1', 'changed by an init container')
  const agent = pod.start()
  await isShipped(agent, pod, view)
  expect(pod.read('orders/1')).toBe('changed by an init container')
})

test('in a copy of the pod it restores nothing, and says why', async () => {
  const { store, view } = await past()
  const newest = await view.newest()
  const pod = await createPod({ store })
  pod.annotate({})
  const { code, text } = await runVerb('restore', pod.env)
  expect(code).toBe(1)
  expect(text).toMatch(/^nothing is restored: this pod lacks the annotation/)
  expect(treeOf(pod.data)).toEqual({})
  expect(await view.newest()).toBe(newest)
})

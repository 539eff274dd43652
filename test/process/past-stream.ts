/** A stream that has a history when the test begins. */
import { expect } from 'vitest'
import { createPod, temporaryFolder, type PodOptions } from '../support/agent-pod.ts'
import { viewRepository, type RepositoryView } from '../support/repository-view.ts'

export interface Past {
  readonly store: string
  readonly view: RepositoryView
  readonly volume: string
}

/** A stream with one version, its writer ended in order, and the volume that it left. */
export async function pastStream(options: Partial<PodOptions> = {}, bytes = 100): Promise<Past> {
  const store = options.store ?? `file://${temporaryFolder()}/store`
  const volume = temporaryFolder()
  const pod = await createPod({ store, volume, ...options })
  pod.write('orders/1', 'first')
  pod.write('large', Buffer.alloc(bytes, 'x'))
  const view = await viewRepository(store)
  const agent = pod.start()
  // The view compares files of one chunk only; what is left is shipped at the end.
  await agent.until('a version', async () => (await view.latest()) > 0)
  expect(await agent.stop()).toEqual({ code: 0, signal: null })
  return { store, view, volume }
}

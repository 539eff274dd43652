/** Starts of every kind, and the steps of the agent that each comes to. */
import { expect } from 'vitest'
import type { StepName } from '../../agent/session/context.ts'
import { createPod, temporaryFolder, type AgentPod } from '../support/agent-pod.ts'
import {
  isShipped,
  treeOf,
  viewRepository,
  type RepositoryView,
  type Tree,
} from '../support/repository-view.ts'
import { firstVersion, history, podOn, type History } from './unshipped-history.ts'

export const START = ['decided', 'opened', 'safety saved', 'restore recorded'] as const
export const RESTORE = ['marked dirty', 'restored', 'marked clean'] as const
const RUN = ['done recorded', 'let go', 'captured', 'committed', 'closed'] as const

/** A pod that is about to start, and what is right for it. */
export interface Case {
  readonly pod: AgentPod
  readonly view: RepositoryView
  /** What the app must find. */
  readonly target: Tree
  readonly request: string | undefined
}

export interface Scenario {
  readonly name: string
  readonly steps: readonly StepName[]
  readonly prepare: () => Promise<Case>
}

export const scenarios: readonly Scenario[] = [
  {
    name: 'the first start, on a volume with content',
    steps: [...START, ...RUN],
    prepare: async () => {
      const url = `file://${temporaryFolder()}/store`
      const pod = await createPod({ store: url })
      pod.write('here/before', 'holdfast came')
      return { pod, view: await viewRepository(url), target: treeOf(pod.data), request: undefined }
    },
  },
  {
    name: 'the first start, on an empty volume',
    steps: [...START, ...RUN],
    prepare: async () => {
      const url = `file://${temporaryFolder()}/store`
      const pod = await createPod({ store: url })
      return { pod, view: await viewRepository(url), target: {}, request: undefined }
    },
  },
  {
    name: 'a resume on an empty volume',
    steps: [...START, ...RESTORE, ...RUN],
    prepare: async () => {
      const past = await history()
      const target = await past.view.tree(await past.view.latest())
      return { pod: await podOn(past), view: past.view, target, request: undefined }
    },
  },
  {
    name: 'a resume on a volume that is newer than its head',
    steps: [...START, ...RUN],
    prepare: async () => {
      const past = await history()
      const pod = await podOn(past, { volume: past.volume })
      return { pod, view: past.view, target: treeOf(pod.data), request: undefined }
    },
  },
  {
    name: 'a resume on a volume that another pod has left behind',
    steps: [...START, ...RESTORE, ...RUN],
    prepare: async () => {
      const past = await history()
      const other = await podOn(past, { name: 'shop-elsewhere' })
      const agent = other.start()
      await agent.ready()
      other.write('elsewhere', 'the line went on')
      await isShipped(agent, other, past.view)
      expect(await agent.stop()).toEqual({ code: 0, signal: null })
      const pod = await podOn(past, { volume: past.volume })
      return { pod, view: past.view, target: treeOf(other.data), request: undefined }
    },
  },
  {
    name: 'a new pin',
    steps: [...START, ...RESTORE, ...RUN],
    prepare: async () => pinned(await history()),
  },
  {
    name: 'a new pin on an empty volume',
    steps: [...START, ...RESTORE, ...RUN],
    prepare: async () => {
      const past = await history()
      const version = await firstVersion(past.view)
      const pod = await podOn(past, { pin: `v${version}` })
      const target = await past.view.tree(version)
      return { pod, view: past.view, target, request: `v${version}` }
    },
  },
  {
    name: 'a pin to fresh',
    steps: [...START, ...RESTORE, ...RUN],
    prepare: async () => {
      const past = await history()
      const pod = await podOn(past, { volume: past.volume, pin: 'fresh', restoreRequest: 'r1' })
      return { pod, view: past.view, target: {}, request: 'fresh/r1' }
    },
  },
  {
    name: 'the undo of a restore',
    steps: [...START, ...RESTORE, ...RUN],
    prepare: async () => {
      const past = await history()
      const before = treeOf(past.volume)
      const { pod: rolledBack } = await pinned(past)
      const agent = rolledBack.start()
      await agent.ready()
      await agent.kill()
      rolledBack.write('after the restore', 'no version has this either')
      const [safety] = (await past.view.versions()).filter(({ reason }) => reason === 'safety')
      const pin = `v${safety?.n}`
      const pod = await podOn(past, { volume: past.volume, pin })
      return { pod, view: past.view, target: before, request: pin }
    },
  },
]

export async function pinned(past: History): Promise<Case> {
  const version = await firstVersion(past.view)
  const pod = await podOn(past, { volume: past.volume, pin: `v${version}`, restoreRequest: 'r1' })
  const target = await past.view.tree(version)
  return { pod, view: past.view, target, request: `v${version}/r1` }
}

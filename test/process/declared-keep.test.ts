/** From what a pod and its Namespace declare, through the webhook and a real agent, to what prune removes. */
import { expect, test } from 'vitest'
import { ENV, KEY, parseAssignment, type Assignment } from '../../shared/sidecar-contract.ts'
import { inject } from '../../webhook/inject/inject.ts'
import { Refusal } from '../../webhook/inject/refusal.ts'
import type { Pod } from '../../webhook/inject/pod.ts'
import { holdfastHere, json } from '../cli/command.ts'
import { readCase } from '../golden/admission-case.ts'
import { createPod, temporaryFolder } from '../support/agent-pod.ts'
import { isShipped, viewRepository } from '../support/repository-view.ts'

const NOTHING = '{all: 0s, hourly: 0, daily: 0, weekly: 0}'
const STREAM = 'market/shop/0'

/** What the webhook tells the agent of a pod that declares this. */
function assigned(state: string, policy: string | undefined): Assignment {
  const { pod, context } = readCase('deployment-emptydir')
  const declared = structuredClone(pod) as Pod
  declared.metadata.annotations = { [KEY.state]: state }
  const facts = { ...context.facts, ...(policy !== undefined && { policy }) }
  const injection = inject(declared, { ...context, facts })
  if (injection instanceof Refusal) throw injection
  const [sidecar] = (injection.pod as Pod).spec.initContainers ?? []
  const said = sidecar?.env?.find(({ name }) => name === ENV.assignment)?.value ?? ''
  return parseAssignment(said.replaceAll('$$', () => '$'))
}

interface Case {
  readonly says: string
  readonly pod: string
  readonly namespace?: string
  readonly keep: object
  readonly kept: 'all' | 'latest'
}

test.each<Case>([
  {
    says: 'the pod keeps nothing but the latest, whatever its Namespace says',
    pod: `{paths: [/var/lib/shop], keep: ${NOTHING}}`,
    namespace: 'keep: {all: 30d, hourly: 9}',
    keep: { allMs: 0, hourly: 0, daily: 0, weekly: 0 },
    kept: 'latest',
  },
  {
    says: 'the pod keeps all of an hour, and its Namespace would keep nothing',
    pod: '{paths: [/var/lib/shop], keep: {all: 1h}}',
    namespace: `keep: ${NOTHING}`,
    keep: { allMs: 3_600_000, hourly: 0, daily: 0, weekly: 0 },
    kept: 'all',
  },
  {
    says: 'the Namespace counts where the pod says nothing',
    pod: '/var/lib/shop',
    namespace: `keep: ${NOTHING}`,
    keep: { allMs: 0, hourly: 0, daily: 0, weekly: 0 },
    kept: 'latest',
  },
  {
    says: 'nobody says anything',
    pod: '/var/lib/shop',
    keep: { allMs: 86_400_000, hourly: 48, daily: 14, weekly: 8 },
    kept: 'all',
  },
])('$says: every version records it, and prune goes by it', async (declared) => {
  const { keep } = assigned(declared.pod, declared.namespace)
  const store = `file://${temporaryFolder()}/store`
  const view = await viewRepository(store)
  const pod = await createPod({ store, ...(keep !== undefined && { keep }) })
  const agent = pod.start()
  for (const content of ['one', 'two', 'three']) {
    pod.write('file', content)
    await isShipped(agent, pod, view)
  }
  await agent.stop()

  const versions = await view.versions()
  expect(versions.map((version) => version.keep)).toEqual(versions.map(() => declared.keep))
  expect(versions.length).toBeGreaterThanOrEqual(3)
  const pruned = await holdfastHere('prune', STREAM, '--store', store, '--output', 'json')
  expect(pruned.code, pruned.stderr).toBe(0)
  const kept = declared.kept === 'all' ? versions.length : 1
  expect(json(pruned)).toMatchObject({
    streams: [{ keep: declared.keep, kept, planned: versions.length - kept }],
  })
})

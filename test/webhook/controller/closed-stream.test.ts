/** Whether a pod closed its stream in order, as its log tells. */
import { expect, it } from 'vitest'
import { closedInRepository } from '../../../webhook/controller/closed-stream.ts'
import { KEY } from '../../../shared/sidecar-contract.ts'
import { versionKey } from '../../../shared/repository/object-keys.ts'
import { MemoryStore } from '../../shared/repository/memory-store.ts'
import { POD, STREAM, TestLog, unstated } from '../../shared/repository/records.ts'
import { podFacts } from './reports.ts'

type Step = ['open' | 'version' | 'closed', uid: string]

async function isClosed(steps: Step[], pod = podFacts({ uid: 'first' }), gone: number[] = []) {
  const store = new MemoryStore()
  const log = new TestLog(store)
  let open = 0
  for (const [index, [kind, uid]] of steps.entries()) {
    const n = index + 1
    if (kind === 'open') open = n
    await log.add(unstated(kind, n, { open, writer: `w-${uid}`, pod: { ...POD, uid } }))
  }
  for (const n of gone) store.objects.delete(versionKey(STREAM, n))
  return closedInRepository(() => Promise.resolve(store))(pod)
}

const CLOSED: Step[] = [
  ['open', 'first'],
  ['version', 'first'],
  ['closed', 'first'],
]
const TAKEN_OVER: Step[] = [
  ['open', 'second'],
  ['version', 'second'],
  ['open', 'third'],
]

it.each<[string, boolean, Step[]]>([
  ['it has', true, CLOSED],
  ['it has, and others came after it', true, [...CLOSED, ...TAKEN_OVER]],
  ['it has not', false, CLOSED.slice(0, 2)],
  ['it has not, and others came after it', false, [...CLOSED.slice(0, 2), ...TAKEN_OVER]],
  [
    'only another has',
    false,
    [
      ['open', 'second'],
      ['closed', 'second'],
    ],
  ],
  ['nothing is there', false, []],
])('%s: %s', async (_what, expected, steps) => {
  expect(await isClosed(steps)).toBe(expected)
})

it('a pod that took its slot itself is found by the slot that it said', async () => {
  const admitted = { ...podFacts().admitted!, slot: null }
  const pod = podFacts({ uid: 'first', admitted, marks: { [KEY.slot]: '0' } })
  expect(await isClosed(CLOSED, pod)).toBe(true)
  expect(await isClosed(CLOSED, { ...pod, marks: {} })).toBe(false)
})

it('is not known where the record that says so is pruned', async () => {
  expect(await isClosed([...CLOSED, ...TAKEN_OVER], podFacts({ uid: 'first' }), [3])).toBe(false)
})

/** What an agent says of a pod's state when it ends. */
import fs from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import type { StepName } from '../../../agent/session/context.ts'
import { systemClock } from '../../../shared/clock.ts'
import { MemoryStore } from '../../shared/repository/memory-store.ts'
import { memoryFolder } from '../../support/memory-folder.ts'
import { SessionAgent } from '../../support/session-agent.ts'

/** @param during called at each of these steps once the agent is told to stop, before a hint comes. */
async function unshippedAtTheEnd(at: StepName, during: (file: string) => void = () => undefined) {
  const file = path.join(memoryFolder(), 'file')
  fs.writeFileSync(file, 'content')
  let isStopping = false
  const agent = new SessionAgent({
    dir: path.dirname(file),
    store: new MemoryStore(),
    clock: systemClock,
    hintedByHand: true,
    step(name) {
      if (!isStopping || name !== at) return
      during(file)
      agent.hint()
    },
  })
  await agent.status.until(({ lastVersion }) => lastVersion > 0)
  fs.writeFileSync(file, 'newer content')
  isStopping = true
  await agent.stop()
  expect(agent.failure).toBeUndefined()
  expect(agent.facts).toMatchObject({ phase: 'ended', problem: '' })
  return agent.facts.unshippedSinceMs
}

test('a hint that comes when the last flush has shipped everything leaves nothing unshipped', async () => {
  expect(await unshippedAtTheEnd('closed')).toBeUndefined()
})

test('hints that a look itself brings about, as one at a database does, leave nothing unshipped', async () => {
  expect(await unshippedAtTheEnd('captured')).toBeUndefined()
})

test('what is written again and again after the end of the app is said to be unshipped', async () => {
  let writes = 0
  const write = (file: string) => fs.writeFileSync(file, `after the end, ${(writes += 1)}`)
  expect(await unshippedAtTheEnd('captured', write)).toBeDefined()
})

/** What an agent says of a pod's state when it ends. */
import fs from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { systemClock } from '../../../shared/clock.ts'
import { MemoryStore } from '../../shared/repository/memory-store.ts'
import { memoryFolder } from '../../support/memory-folder.ts'
import { SessionAgent } from '../../support/session-agent.ts'

test('a hint that comes when the last flush has shipped everything leaves nothing unshipped', async () => {
  const dir = memoryFolder()
  fs.writeFileSync(path.join(dir, 'file'), 'content')
  const agent = new SessionAgent({
    dir,
    store: new MemoryStore(),
    clock: systemClock,
    hintedByHand: true,
    step: (name) => {
      if (name === 'closed') agent.hint()
    },
  })
  await agent.status.until(({ lastVersion }) => lastVersion > 0)
  fs.writeFileSync(path.join(dir, 'file'), 'newer content')
  await agent.stop()
  expect(agent.failure).toBeUndefined()
  expect(agent.facts).toMatchObject({ phase: 'ended', problem: '' })
  expect(agent.facts.unshippedSinceMs).toBeUndefined()
})

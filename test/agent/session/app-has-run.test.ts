/** What the log says of an app whose volume has no mark: an agent that takes it for one that has not run would overwrite it. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { logProves } from '../../../agent/session/app-has-run.ts'
import { AppState } from '../../../agent/session/app-state.ts'
import { LogWriter } from '../../../agent/session/log-writer.ts'
import { VersionLog } from '../../../shared/repository/version-log.ts'
import { MemoryStore, patience } from '../../shared/repository/memory-store.ts'
import { POD, STREAM, TestLog, unstated } from '../../shared/repository/records.ts'
import { TempVolume, laterClock } from '../capture/temp-volume.ts'

const SUCCESSOR = { ...POD, name: 'shop-1', uid: 'uid-2' }

let volume: TempVolume
let log: TestLog
let writer: LogWriter
beforeEach(() => {
  volume = new TempVolume()
  mkdirSync(volume.dir)
  const store = new MemoryStore()
  log = new TestLog(store)
  const identity = { writer: 'w1 again', pod: POD, graceSeconds: 30 }
  writer = new LogWriter(new VersionLog(store, STREAM, patience()), identity, patience())
})
afterEach(() => volume.remove())

async function proves(): Promise<boolean> {
  const volumes = [{ at: volume.dir, sizeLimitBytes: null, memory: false }]
  const state = new AppState({ ...volume.layout, volumes }, laterClock)
  return logProves({ state, writer }, writer.view)
}

it('an app was let go once its agent has recorded that its start is done, also behind the back of a successor', async () => {
  await log.add(unstated('open', 1))
  await writer.look()
  expect(await proves()).toBe(false)
  await log.add(unstated('done', 2))
  await writer.look()
  expect(await proves()).toBe(true)

  writeFileSync(volume.at('order'), 'by the app')
  await log.add(unstated('open', 3, { writer: 'w2', pod: SUCCESSOR, open: 3 }))
  // The successor came between the look and this question.
  expect(await proves()).toBe(true)
  await writer.look()
  expect(await proves()).toBe(true)
})

it('what a pod did before another took its line is no proof of what its own next open has done', async () => {
  await log.add(unstated('open', 1))
  await log.add(unstated('done', 2))
  await log.add(unstated('open', 3, { writer: 'w2', pod: SUCCESSOR, open: 3 }))
  await log.add(unstated('open', 4, { writer: 'w1 later', open: 4 }))
  await writer.look()
  expect(await proves()).toBe(false)
})

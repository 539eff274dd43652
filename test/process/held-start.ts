/** A start that must not let its app go. */
import fs from 'node:fs'
import { expect } from 'vitest'
import type { AgentPod } from '../support/agent-pod.ts'
import type { AgentProcess } from '../support/agent-process.ts'
import { treeOf, type RepositoryView } from '../support/repository-view.ts'

/** Long before the 50 s after which `wait` answers in any case. */
const AT_ONCE_MS = 20_000

/** It holds the app with these words, `agent wait` prints them at once, and nothing is changed: no byte, no record. */
export async function expectHeld(
  pod: AgentPod,
  view: RepositoryView | undefined,
  words: RegExp,
): Promise<AgentProcess> {
  const before = fs.existsSync(pod.data) ? treeOf(pod.data) : {}
  const newest = await view?.newest()
  const agent = pod.start()
  const waited = await agent.wait()
  expect(waited.text).toMatch(words)
  expect(waited.code).toBe(1)
  expect(waited.ms).toBeLessThan(AT_ONCE_MS)
  expect(waited.text.split('\n')).toHaveLength(1)
  expect(agent.wasReady).toBe(false)
  expect(fs.existsSync(pod.data) ? treeOf(pod.data) : {}).toEqual(before)
  expect(await view?.newest()).toBe(newest)
  expect(agent.words).not.toMatch(/^\s+at /m)
  return agent
}

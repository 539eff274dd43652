/** An agent that has nothing but hooks: the picture between them is played. */
import fs from 'node:fs'
import path from 'node:path'
import type { HeldVersion } from '../../../agent/capture/held-version.ts'
import type { Picture } from '../../../agent/session/app-state.ts'
import { AppHooks } from '../../../agent/session/hooks.ts'
import type { HookRunner } from '../../../agent/session/hook-call.ts'
import { Status } from '../../../agent/session/status.ts'
import type { PackWriter } from '../../../shared/repository/pack-writer.ts'
import type { Assignment } from '../../../shared/sidecar-contract.ts'
import { temporaryFolder } from '../../support/agent-pod.ts'
import { ManualClock } from '../../support/manual-clock.ts'

export const PICTURE = {} as Picture
const noStep = () => undefined

/** `take()` asks for one, `end` says how the running one ends. */
export function createAgent(
  hooks: Pick<Assignment, 'before' | 'after'>,
  folder = temporaryFolder(),
  runner: HookRunner = null,
) {
  const clock = new ManualClock()
  const status = new Status()
  const stopping = new AbortController()
  const notePath = path.join(folder, 'frozen')
  const warnings: string[] = []
  const warn = (sentence: string) => {
    warnings.push(sentence)
  }
  const seams = {
    clock,
    status,
    stopping: stopping.signal,
    step: noStep,
    warn,
    notePath,
    runner,
  }
  const appHooks = new AppHooks(hooks, seams)
  let running = 0
  const picture = { taken: 0, atOnce: 0, differs: true, result: () => Promise.resolve(PICTURE) }
  const around = appHooks.around({
    mayDiffer: () => Promise.resolve(picture.differs),
    take: async () => {
      picture.taken += 1
      running += 1
      picture.atOnce = Math.max(picture.atOnce, running)
      return picture.result().finally(() => (running -= 1))
    },
  })
  const take = () => around({} as HeldVersion, {} as PackWriter)
  const isNoted = () => fs.existsSync(notePath)
  return { hooks: appHooks, clock, status, stopping, warnings, picture, take, isNoted, folder }
}

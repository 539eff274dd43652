/** A volume that is emptied, swapped or taken away under an app that runs. */
import fs from 'node:fs'
import path from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { createPod } from '../support/agent-pod.ts'
import { isShipped } from '../support/repository-view.ts'
import { pastStream } from './past-stream.ts'

async function running() {
  const { store, view, volume } = await pastStream()
  const pod = await createPod({ store, volume })
  const agent = pod.start()
  await agent.ready()
  pod.write('more', 'of it')
  await isShipped(agent, pod, view)
  return { pod, agent, view, volume, latest: await view.latest() }
}

describe('a volume that goes while the app runs commits nothing, and /healthz says why', () => {
  test('emptied', async () => {
    const { agent, view, volume, latest } = await running()
    for (const name of fs.readdirSync(volume))
      fs.rmSync(path.join(volume, name), { recursive: true })
    await agent.until('it says so', async () => (await agent.health()).problem.includes('is empty'))
    expect(await agent.metrics()).toMatch(/^holdfast_blocked\{[^}]*\} 1$/m)
    expect(await view.latest()).toBe(latest)
    fs.writeFileSync(path.join(volume, 'back'), 'again')
    await agent.until('it goes on', async () => (await view.latest()) > latest)
  })

  test('swapped for another', async () => {
    const { agent, view, volume, latest } = await running()
    const aside = `${volume}-aside`
    onTestFinished(() => fs.rmSync(aside, { recursive: true, force: true }))
    fs.renameSync(volume, aside)
    fs.mkdirSync(volume)
    fs.writeFileSync(path.join(volume, 'foreign'), 'not of this app')
    await agent.stop()
    expect(await view.latest()).toBe(latest)
    expect(agent.words).toMatch(/nothing is committed until it is back/)
  })

  test('missing', async () => {
    const { agent, view, volume, latest } = await running()
    fs.rmSync(volume, { recursive: true })
    await agent.stop()
    expect(await view.latest()).toBe(latest)
    expect(agent.words).toMatch(/nothing is committed until it is back/)
  })
})

/** The pods of a Deployment take slots by themselves: each goes on with what a pod before it had, and no write gets lost between them. */
import fs from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { temporaryFolder } from '../support/agent-pod.ts'
import { Deployment, type DeployedPod } from '../support/deployment.ts'
import { startStandInService } from '../support/stand-in-service.ts'

const LONG_MS = 120_000

function freshStore(): string {
  return `file://${temporaryFolder()}/store`
}

async function slotsOf(pods: readonly DeployedPod[]): Promise<string[]> {
  return (await Promise.all(pods.map((pod) => pod.slot()))).toSorted()
}

/** Whatever one of them acknowledged, exactly one of those found. */
function expectAllFound(before: readonly DeployedPod[], now: readonly DeployedPod[]): void {
  const written = before.flatMap((pod) => pod.written)
  const found = now.flatMap((pod) => pod.found)
  expect(written.length).toBeGreaterThan(before.length * 10)
  expect(found.toSorted()).toEqual(written.toSorted())
}

async function haveWritten(pods: readonly DeployedPod[]): Promise<void> {
  await Promise.all(pods.map((pod) => pod.hasWritten(20)))
}

test(
  'three replicas take three slots; rolled one after the other with no surge, each successor has the writes of one of them',
  async () => {
    const service = await startStandInService()
    const deployment = new Deployment({ store: freshStore() }, service)
    const old = await deployment.createRunning(3)
    expect(await slotsOf(old)).toEqual(['0', '1', '2'])
    await haveWritten(old)
    const next: DeployedPod[] = []
    for (const pod of old) {
      const slot = await pod.slot()
      const gone = pod.delete()
      const successor = await deployment.create()
      await Promise.all([gone, successor.running])
      expect(await successor.slot()).toBe(slot)
      next.push(successor)
    }
    expectAllFound(old, next)
    expect(service.faults).toEqual([])
  },
  LONG_MS,
)

test.each([
  { strategy: 'Recreate', together: false },
  { strategy: 'maxSurge 0, maxUnavailable 100 %: six agents at once', together: true },
])(
  'three replicas rolled at once ($strategy) lose no acknowledged write',
  async ({ together }) => {
    const service = await startStandInService()
    const deployment = new Deployment({ store: freshStore() }, service)
    const old = await deployment.createRunning(3)
    await haveWritten(old)
    const gone = Promise.all(old.map((pod) => pod.delete()))
    if (!together) await gone
    const next = await deployment.createRunning(3)
    await gone
    expect(await slotsOf(next)).toEqual(['0', '1', '2'])
    expectAllFound(old, next)
  },
  LONG_MS,
)

test(
  'scaled 1, 3, 1, 3: each slot goes on where its last pod stopped',
  async () => {
    const service = await startStandInService()
    const deployment = new Deployment({ store: freshStore() }, service)
    const [first] = await deployment.createRunning(1)
    const more = await deployment.createRunning(2)
    const three = [first as DeployedPod, ...more]
    await haveWritten(three)
    expect(await slotsOf(three)).toEqual(['0', '1', '2'])
    // The ReplicaSet ends whichever it likes: also those of the first slots.
    const bySlot = new Map<string, DeployedPod>()
    for (const pod of three) bySlot.set(await pod.slot(), pod)
    const ended = [bySlot.get('0') as DeployedPod, bySlot.get('1') as DeployedPod]
    await Promise.all(ended.map((pod) => pod.delete()))
    const again = await deployment.createRunning(2)
    expect(await slotsOf(again)).toEqual(['0', '1'])
    expectAllFound(ended, again)
  },
  LONG_MS,
)

test(
  'the only replica is drained: its successor has its slot and every acknowledged write, though later slots are free',
  async () => {
    const service = await startStandInService()
    const deployment = new Deployment({ store: freshStore() }, service)
    const three = await deployment.createRunning(3)
    const bySlot = new Map<string, DeployedPod>()
    for (const pod of three) bySlot.set(await pod.slot(), pod)
    const only = bySlot.get('0') as DeployedPod
    await Promise.all(three.filter((pod) => pod !== only).map((pod) => pod.delete()))
    await only.hasWritten(20)
    await only.tellToEnd()
    const successor = await deployment.create()
    const waiting = await successor.agent.logged('it waits', ({ phase }) => phase === 'waiting')
    expect(waiting.msg).toBe(
      `waiting for pod ${only.name} (terminating) to hand over slot 0 of market/shop`,
    )
    await Promise.all([only.delete(), successor.running])
    expect(await successor.slot()).toBe('0')
    expectAllFound([only], [successor])
  },
  LONG_MS,
)

test(
  'a pod that is gone without a word is not waited for',
  async () => {
    const service = await startStandInService()
    const deployment = new Deployment({ store: freshStore(), graceSeconds: 3600 }, service)
    const [old] = (await deployment.createRunning(1)) as [DeployedPod]
    await old.hasWritten(20)
    await old.stopApp()
    await old.agent.until('all is shipped', async () => (await old.agent.health()).lagSeconds === 0)
    await old.agent.kill()
    service.pods.delete(old.pod.uid)
    const [next] = (await deployment.createRunning(1)) as [DeployedPod]
    expect(await next.slot()).toBe('0')
    expectAllFound([old], [next])
  },
  LONG_MS,
)

test(
  'with the service down, a pod that goes on writing keeps its slot, and one that was killed is succeeded after its grace period',
  async () => {
    const service = await startStandInService()
    const deployment = new Deployment({ store: freshStore(), graceSeconds: 0 }, service)
    const [killed, busy] = (await deployment.createRunning(2)) as [DeployedPod, DeployedPod]
    const slots = { killed: await killed.slot(), busy: await busy.slot() }
    await haveWritten([killed, busy])
    await service.stop()
    await killed.stopApp()
    await killed.agent.until(
      'all is shipped',
      async () => (await killed.agent.health()).lagSeconds === 0,
    )
    await killed.agent.kill()
    const next = await deployment.create()
    await next.running
    expect(await next.slot()).toBe(slots.killed)
    expectAllFound([killed], [next])
    expect((await busy.agent.health()).line).toBe('main')
    expect(await busy.slot()).toBe(slots.busy)
  },
  LONG_MS,
)

test(
  'a service whose answers come too late is none: the hand-over still happens',
  async () => {
    const service = await startStandInService()
    const deployment = new Deployment({ store: freshStore() }, service)
    const [old] = (await deployment.createRunning(1)) as [DeployedPod]
    await old.hasWritten(20)
    service.delayMs = 4000
    await old.tellToEnd()
    const next = await deployment.create()
    const waiting = await next.agent.logged('it waits', ({ phase }) => phase === 'waiting')
    expect(waiting.msg).toContain('nobody knows whether it is alive')
    await Promise.all([old.delete(), next.running])
    expect(await next.slot()).toBe('0')
    expectAllFound([old], [next])
  },
  LONG_MS,
)

test(
  'a sidecar that restarts before its first version stays in its slot, and changes no byte of its app',
  async () => {
    const service = await startStandInService()
    const deployment = new Deployment({ store: freshStore() }, service)
    const [first] = (await deployment.createRunning(1)) as [DeployedPod]
    const nobody = { http: 'http://127.0.0.1:1/freeze', timeoutMs: 1000, onError: 'fail' } as const
    const second = await deployment.create({ before: nobody })
    await second.running
    expect(await second.slot()).toBe('1')
    // Its hook lets no version be made, so no mark says where it belongs; a slot before its own becomes free.
    await second.agent.kill()
    expect(fs.existsSync(path.join(second.pod.data, '.holdfast'))).toBe(false)
    await first.delete()
    const restarted = second.pod.start()
    await restarted.ready()
    expect((await restarted.health()).slot).toBe('1')
    await second.stopApp()
    const numbers = fs.readFileSync(path.join(second.pod.data, 'numbers'), 'utf8')
    expect(numbers.trim().split('\n')).toEqual(second.written)
  },
  LONG_MS,
)

test(
  'a volume that belongs to a slot is waited for, whatever other slots are free',
  async () => {
    const service = await startStandInService()
    const volume = temporaryFolder()
    const deployment = new Deployment({ store: freshStore(), volume }, service)
    const [old] = (await deployment.createRunning(1)) as [DeployedPod]
    await old.hasWritten(20)
    await old.agent.until('a version', async () => (await old.agent.health()).lastVersion > 0)
    const gone = old.delete()
    const next = await deployment.create()
    await Promise.all([gone, next.running])
    expect(await next.slot()).toBe('0')
    expectAllFound([old], [next])
  },
  LONG_MS,
)

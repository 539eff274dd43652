/** The end of every history: the adversary stops, and everything must come to rest, protected, with `latest` as it should be. */
import type { Pod } from './pod.ts'
import { contentOf } from './pod.ts'
import { sameContent, showContent } from './values.ts'
import type { World } from './world.ts'

/** Far more turns than any calm needs. */
const MANY_TURNS = 6000
/** A start that holds so often in a calm does not wait for anything that comes by itself. */
const MANY_HOLDS = 30

export async function calm(world: World): Promise<void> {
  world.note('--- calm')
  world.fate = () => 'answered'
  world.bucket.state = 'up'
  world.bucket.late = []
  for (const pod of world.pods) {
    if (pod.paused) world.wake(pod)
    if (pod.terminatedMs !== undefined && pod.appRuns) world.endApp(pod)
  }
  if (!(await settle(world)) || !(await requireProtected(world))) return
  await stopAll(world)
  for (let i = 0; i < 2 && !world.broken; i += 1) await startAgain(world)
  if (!world.broken) world.oracle.judgeStore()
}

async function stopAll(world: World): Promise<void> {
  for (const pod of world.pods)
    if (pod.alive && pod.terminatedMs === undefined) {
      world.terminate(pod)
      if (pod.appRuns) world.endApp(pod)
    }
  await settle(world)
  for (const pod of world.pods) if (pod.alive) world.killPod(pod)
}

/** What every running app writes now gets into some version. */
async function requireProtected(world: World): Promise<boolean> {
  const running = world.pods.filter(({ alive, appRuns }) => alive && appRuns)
  for (const pod of running) world.app.write(pod)
  if (!(await settle(world))) return false
  for (const pod of running)
    if (pod.alive && !world.chronicle.isKept(contentOf(pod.volumes)))
      world.chronicle.violate(
        'a live pod is not protected',
        `${pod.name} has ${showContent(contentOf(pod.volumes))}; its agent says ${JSON.stringify(pod.agent.status.facts)}`,
      )
  return !world.broken
}

/** The next pod starts, writes `latest`, and stops. */
async function startAgain(world: World): Promise<void> {
  const volumes = world.freeVolumes()
  if (volumes === undefined) throw new Error('a volume is in use, and no pod is alive')
  const pod = await world.startPod(volumes)
  if (!(await settle(world))) return
  if (!pod.letGo)
    return world.chronicle.violate(
      'the next start does not converge',
      pod.agent.status.facts.reason,
    )
  world.app.write(pod)
  if (!(await settle(world))) return
  const { head } = world.chronicle.truth()
  const content = contentOf(pod.volumes)
  const latest = world.chronicle.contentOfVersion(head?.version ?? 0)
  if (!sameContent(latest, content))
    world.chronicle.violate(
      'the pod after the last does not write latest',
      `${showContent(content)}, latest is v${head?.version} ${showContent(latest)}`,
    )
  world.terminate(pod)
  world.endApp(pod)
  await settle(world)
}

/** Runs everybody, fairly, until nobody has anything left to do. */
export async function settle(world: World): Promise<boolean> {
  const rests = new Map<Pod, number>()
  const turns = new Map<Pod, number>()
  for (let turn = 0; turn < MANY_TURNS; turn += 1) {
    if (world.broken) return false
    if (world.pods.every((pod) => !pod.alive || (rests.get(pod) ?? 0) >= 2)) return true
    // Fairness: whoever has waited longest.
    const next = world
      .ready()
      .toSorted((a, b) => (turns.get(a.pod) ?? 0) - (turns.get(b.pod) ?? 0))[0]
    if (next === undefined) {
      const dueMs = world.nextDueMs()
      if (dueMs === undefined) break
      world.advanceTo(dueMs)
      continue
    }
    const { pod, point } = next
    await world.go(pod, point)
    turns.set(pod, turn + 1)
    if (point.dueMs === undefined) continue
    const part = partOfRest(pod)
    rests.set(pod, part === 0 ? 0 : (rests.get(pod) ?? 0) + part)
  }
  if (world.pods.every(({ alive }) => !alive)) return true
  world.chronicle.violate(
    'does not come to rest',
    world.pods
      .filter(({ alive }) => alive)
      .map(({ agent }) => `${agent.task.writer}: ${JSON.stringify(agent.status.facts)}`)
      .join('; '),
  )
  return false
}

/** How much of a proof that nothing more comes is it that the agent has slept once more? */
export function partOfRest(pod: Pod): number {
  const { phase, unshippedSinceMs, problem } = pod.agent.status.facts
  if (phase === 'holding') return 1 / MANY_HOLDS
  const isShipped = unshippedSinceMs === undefined && problem === ''
  // An emptied volume is never committed; that is said, and it is for people to say what is right.
  const isEmpty = contentOf(pod.volumes).size === 0
  return phase === 'running' && (isShipped || isEmpty) ? 1 : 0
}

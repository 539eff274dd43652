/** One random history: a seed's scene, then its events one after the other, then the calm. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { existsSync } from 'node:fs'
import { calm } from './calm.ts'
import type { Pod } from './pod.ts'
import type { Fate } from './sim-store.ts'
import { SIGNATURE_MS } from './sim-store.ts'
import type { Scene, StorageKind } from './scene.ts'
import { World } from './world.ts'

const KINDS: readonly [StorageKind, ...StorageKind[]] = [
  'one PVC',
  'emptyDir',
  'two PVCs in turn',
  'PVC and emptyDir',
]
export const EVENTS = 220
const DAY_MS = 26 * 60 * 60 * 1000

type Action = readonly [weight: number, run: () => void | Promise<void>]

/** What a history may do besides running agents; drawn once for each. */
interface Mood {
  readonly pins: boolean
  readonly outages: boolean
  readonly lostNodes: boolean
  readonly big: boolean
  /** There is one to ask about pods; it comes and goes. */
  readonly service: boolean
}

export async function runHistory(
  seed: number,
  options: { scene?: Partial<Scene>; events?: number } = {},
): Promise<World> {
  return inScratch(async (dir) => {
    const draw = new World({ ...PLAIN, kind: 'one PVC' }, path.join(dir, 'draw'), seed).random
    const scene: Scene = {
      kind: draw.pick(KINDS),
      exclusive: draw.next() < 0.3,
      whenEmpty: draw.next() < 0.1 ? 'fresh' : 'resume',
      reliableHints: draw.next() < 0.8,
      doubtful: draw.next() < 0.3,
      ...options.scene,
    }
    const mood: Mood = {
      pins: draw.next() < 0.8,
      outages: draw.next() < 0.4,
      lostNodes: draw.next() < 0.5,
      big: draw.next() < 0.15,
      service: draw.next() < 0.7,
    }
    const world = new World(scene, path.join(dir, 'world'), seed)
    world.note(`seed ${seed}: ${JSON.stringify({ ...scene, ...mood })}`)
    world.fate = (what) => drawFate(world, what)
    world.serviceAnswers = mood.service
    for (let i = 0; i < (options.events ?? EVENTS) && !world.broken; i += 1) {
      world.advanceTo(world.nowMs() + 1 + world.random.below(20))
      await act(world, actionsOf(world, mood))
    }
    if (!world.broken) await calm(world)
    return world
  })
}

export const PLAIN: Omit<Scene, 'kind'> = {
  exclusive: false,
  whenEmpty: 'resume',
  reliableHints: true,
  doubtful: false,
}

/** A folder in memory where there is one; draws of the agent's jitter are the history's own meanwhile. */
export async function inScratch<T>(run: (dir: string) => Promise<T>): Promise<T> {
  const dir = mkdtempSync(path.join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'model-'))
  const { random } = Math
  const { PATH } = process.env
  Math.random = () => 0.5
  // Without coreutils every file is synced by itself: no child process, whose end no scheduler decides.
  process.env['PATH'] = ''
  try {
    return await run(dir)
  } finally {
    Math.random = random
    process.env['PATH'] = PATH
    rmSync(dir, { recursive: true })
  }
}

function drawFate(world: World, what: string): Fate {
  const draw = world.random.next()
  const put = what.startsWith('put')
  let fate: Fate = 'answered'
  if (draw < 0.03) fate = 'request lost'
  else if (put && draw < 0.07) fate = 'answer lost'
  else if (put && draw < 0.1) fate = 'late'
  if (fate !== 'answered') world.note(`  (${what}: ${fate})`)
  return fate
}

async function act(world: World, actions: readonly Action[]): Promise<void> {
  const sum = actions.reduce((total, [weight]) => total + weight, 0)
  let left = sum * world.random.next()
  for (const [weight, run] of actions) {
    left -= weight
    if (left <= 0) return run()
  }
}

function actionsOf(world: World, mood: Mood): Action[] {
  const actions: Action[] = world
    .ready()
    .map(({ pod, point }): Action => [10, () => world.go(pod, point)])
  const dueMs = world.nextDueMs()
  if (dueMs !== undefined)
    actions.push([
      5,
      () => {
        world.advanceTo(dueMs)
      },
    ])
  for (const pod of world.pods) if (pod.alive) actions.push(...actionsOnPod(world, pod, mood))
  actions.push(...actionsOnCluster(world, mood), ...actionsOnBucket(world, mood))
  return actions
}

function actionsOnPod(world: World, pod: Pod, mood: Mood): Action[] {
  const actions: Action[] = []
  if (pod.appRuns) {
    actions.push([4, () => world.app.write(pod, mood.big && world.random.next() < 0.2)])
    actions.push([0.5, () => world.app.remove(pod)])
    if (pod.terminatedMs !== undefined) actions.push([1.5, () => world.endApp(pod)])
  }
  if (pod.terminatedMs === undefined && pod.inCluster)
    actions.push([pod.appRuns ? 0.5 : 0.1, () => world.terminate(pod)])
  // Half of a restore is where a crash hurts most, and does not last long.
  const deadly = pod.agent.status.facts.phase === 'restoring' ? 0.8 : 0.15
  actions.push([deadly, () => world.killPod(pod)])
  actions.push([deadly, () => world.crashAgent(pod)])
  if (pod.paused) actions.push([1, () => world.wake(pod)])
  else actions.push([0.12, () => world.pause(pod)])
  if (mood.lostNodes && pod.inCluster && world.scene.kind !== 'one PVC')
    actions.push([0.1, () => world.loseNode(pod)])
  return actions
}

function actionsOnCluster(world: World, mood: Mood): Action[] {
  const actions: Action[] = []
  const running = world.pods.some(
    ({ alive, inCluster, terminatedMs }) => alive && inCluster && terminatedMs === undefined,
  )
  if (!running)
    actions.push([
      8,
      async () => {
        const volumes = world.freeVolumes()
        if (volumes !== undefined) await world.startPod(volumes)
      },
    ])
  if (mood.service)
    actions.push([
      world.serviceAnswers ? 0.1 : 0.3,
      () => {
        world.serviceAnswers = !world.serviceAnswers
        world.note(`the service ${world.serviceAnswers ? 'answers' : 'is down'}`)
      },
    ])
  const versions = world.chronicle.versions()
  if (mood.pins && versions.length > 0) {
    actions.push([0.4, () => setPin(world)])
    actions.push([0.15, () => world.setTemplate(null, null)])
  }
  return actions
}

/** A new request, or one that was there before. */
function setPin(world: World): void {
  const { random, chronicle } = world
  const old = chronicle.records.filter((record) => record.kind === 'restore')
  const draw = random.next()
  const repeated = old[random.below(Math.max(1, old.length))]
  if (draw < 0.3 && repeated !== undefined) {
    const [pin = null, restoreRequest = null] = repeated.request.split('/')
    if (pin !== 'whenEmpty:fresh') return world.setTemplate(pin, restoreRequest)
  }
  const versions = chronicle.versions()
  const version = `v${versions[random.below(versions.length)]?.n}`
  const pin = draw > 0.95 ? 'fresh' : draw > 0.88 ? 'latest' : version
  const restoreRequest = random.next() < 0.4 ? `r${random.below(1000)}` : null
  world.setTemplate(pin, restoreRequest)
}

function actionsOnBucket(world: World, mood: Mood): Action[] {
  const { bucket, random } = world
  const actions: Action[] = [
    [
      0.08,
      () => {
        world.note('a day passes')
        world.advanceTo(world.nowMs() + DAY_MS)
      },
    ],
  ]
  if (mood.outages)
    actions.push([
      bucket.state === 'up' ? 0.2 : 0.6,
      () => {
        const bad = random.next() < 0.8 ? 'down' : 'denied'
        bucket.state = bucket.state === 'up' ? bad : 'up'
        world.note(`the bucket is ${bucket.state}`)
      },
    ])
  if (bucket.late.length > 0)
    actions.push([
      2,
      () => {
        const [create] = bucket.late.splice(random.below(bucket.late.length), 1)
        if (create === undefined || bucket.state !== 'up') return
        if (world.nowMs() - create.signedMs > SIGNATURE_MS) return
        world.note(`a late request of ${create.sender} arrives`)
        bucket.create(create)
      },
    ])
  return actions
}

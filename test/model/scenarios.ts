/** Fixed stories, and one fault at one turn of them: systematic where random histories are broad. */
import path from 'node:path'
import { calm, partOfRest } from './calm.ts'
import { PLAIN, inScratch } from './history.ts'
import type { Pod } from './pod.ts'
import type { Point } from './sim-agent.ts'
import type { Scene, StorageKind } from './scene.ts'
import { World } from './world.ts'

/** What is done one after the other; everything comes to rest in between. */
export const SCENARIOS: Readonly<Record<string, string>> = {
  'first run, restart': 'run, write a, write b, stop, run, write a',
  'crash with unshipped changes': 'run, write a, down, write b, kill, up, run, write a',
  'unshipped changes, then a pin':
    'run, write a, write a, down, write b, kill, up, pin first, run, write b',
  'pin, work, the same pin again':
    'run, write a, write b, stop, pin first, run, write a, stop, run, write b',
  'pin changed':
    'run, write a, write b, write a, stop, pin first, run, write b, stop, pin second, run',
  'pin off': 'run, write a, write b, stop, pin first, run, stop, pin off, run, write a',
  'S3 down at start': 'run, write a, stop, down, run, write b, up, write a',
  'the same pin asked again by value':
    'run, write a, write b, stop, pin first r1, run, write a, stop, pin first r2, run',
  'rolled over': 'run, write a, replace, write b',
  undo: 'run, write a, write b, stop, pin first r1, run, write a, stop, pin third r2, run, write b',
}

export const FAULTS = [
  'agent killed',
  'pod killed',
  'answer lost',
  'request lost',
  'request late',
  'paused, a successor comes, wakes soon',
  'paused, a successor comes, wakes at the end',
  'pin off',
  'second pin',
] as const
export type Fault = (typeof FAULTS)[number]

export const STORAGE: readonly StorageKind[] = [
  'one PVC',
  'emptyDir',
  'two PVCs in turn',
  'PVC and emptyDir',
]

const ORDER = ['first', 'second', 'third']

/** After so many turns a late request arrives, and a paused pod wakes. */
const SOON = 6

/** Plays a story; the fault hits whoever has turn `at`. */
export async function play(
  kind: StorageKind,
  scenario: string,
  fault?: { readonly at: number; readonly what: Fault },
  scene: Partial<Scene> = {},
): Promise<{ world: World; turns: number }> {
  return inScratch(async (dir) => {
    const world = new World({ ...PLAIN, kind, ...scene }, path.join(dir, 'world'), 1)
    world.note(`${scenario} on ${kind}, ${fault?.what ?? 'no fault'} at turn ${fault?.at}`)
    const played = new Play(world, fault)
    for (const act of SCENARIOS[scenario]?.split(', ') ?? []) {
      if (world.broken) break
      await played.act(act)
    }
    const { turns } = played
    if (!world.broken) await calm(world)
    return { world, turns }
  })
}

class Play {
  turns = 0
  readonly #world: World
  readonly #fault: { readonly at: number; readonly what: Fault } | undefined
  #current: Pod | undefined

  constructor(world: World, fault: { readonly at: number; readonly what: Fault } | undefined) {
    this.#world = world
    this.#fault = fault
  }

  async act(text: string): Promise<void> {
    const world = this.#world
    const [act, what = '', by] = text.split(' ')
    const pod = this.#current
    if (act === 'run') await this.#start()
    else if (act === 'replace') await this.#replace()
    else if (act === 'pin') this.#pin(what, by ?? null)
    else if (act === 'down' || act === 'up') world.bucket.state = act
    else if (pod?.alive === true) this.#actOn(pod, act, what)
    await this.#drain()
  }

  #actOn(pod: Pod, act: string | undefined, what: string): void {
    const world = this.#world
    if (act === 'write' && pod.appRuns) world.app.write(pod, false, what)
    if (act === 'kill') world.killPod(pod)
    if (act === 'stop') this.#stop(pod)
  }

  /** The app writes to the last. */
  #stop(pod: Pod): void {
    const world = this.#world
    if (pod.terminatedMs !== undefined) return
    world.terminate(pod)
    if (!pod.appRuns) return
    world.app.write(pod, false, 'b')
    world.endApp(pod)
  }

  #pin(to: string, by: string | null): void {
    const versions = this.#world.chronicle.versions()
    const version = versions[Math.min(ORDER.indexOf(to), versions.length - 1)]
    if (version === undefined) this.#world.setTemplate(null, null)
    else this.#world.setTemplate(`v${version.n}`, by)
  }

  /** As a ReplicaSet does it: the new pod starts when the old one is told to stop, if there is a volume for it. */
  async #replace(): Promise<void> {
    if (this.#current?.alive === true) this.#stop(this.#current)
    await this.#start()
    if (this.#current?.terminatedMs === undefined) return
    await this.#drain()
    await this.#start()
  }

  async #start(): Promise<void> {
    const current = this.#current
    if (current?.alive === true && current.inCluster && current.terminatedMs === undefined) return
    const volumes = this.#world.freeVolumes()
    if (volumes !== undefined) this.#current = await this.#world.startPod(volumes)
  }

  /** Runs everybody until nothing happens any more but waiting. */
  async #drain(): Promise<void> {
    const world = this.#world
    const rests = new Map<Pod, number>()
    const last = new Map<Pod, number>()
    for (let i = 0; i < 400 && !world.broken; i += 1) {
      const active = world.pods.filter(({ alive, paused }) => alive && !paused)
      if (active.every((pod) => (rests.get(pod) ?? 0) >= 2)) return
      const next = world
        .ready()
        .toSorted((a, b) => (last.get(a.pod) ?? 0) - (last.get(b.pod) ?? 0))[0]
      if (next === undefined) {
        const dueMs = world.nextDueMs()
        if (dueMs === undefined) return
        world.advanceTo(dueMs)
        continue
      }
      await this.#turn(next.pod, next.point)
      last.set(next.pod, i + 1)
      if (next.point.dueMs === undefined) continue
      const part = Math.max(partOfRest(next.pod), world.bucket.state === 'up' ? 0 : 0.5)
      rests.set(next.pod, part === 0 ? 0 : (rests.get(next.pod) ?? 0) + part)
    }
  }

  async #turn(pod: Pod, point: Point): Promise<void> {
    const world = this.#world
    const { at, what } = this.#fault ?? { at: -1, what: 'agent killed' }
    const turn = this.turns
    this.turns += 1
    if (turn === at + SOON) this.#after(what)
    world.fate = () => 'answered'
    if (turn !== at) return world.go(pod, point)
    world.note(`** ${what}`)
    if (what === 'answer lost' || what === 'request lost' || what === 'request late') {
      world.fate = () => (what === 'request late' ? 'late' : what)
      return world.go(pod, point)
    }
    await this.#hit(pod, what)
  }

  async #hit(pod: Pod, what: Fault): Promise<void> {
    const world = this.#world
    if (what === 'agent killed') return world.crashAgent(pod)
    if (what.startsWith('paused')) {
      world.pause(pod)
      if (world.scene.kind === 'one PVC') return
      world.loseNode(pod)
    } else {
      world.killPod(pod)
      if (what === 'pin off') world.setTemplate(null, null)
      if (what === 'second pin') this.#pin('second', null)
    }
    if (pod === this.#current) await this.#start()
  }

  #after(what: Fault): void {
    const world = this.#world
    if (what === 'paused, a successor comes, wakes soon')
      for (const pod of world.pods) if (pod.alive && pod.paused) world.wake(pod)
    if (what === 'request late' && world.bucket.state === 'up')
      for (const create of world.bucket.late.splice(0)) {
        world.note(`a late request of ${create.sender} arrives`)
        world.bucket.create(create)
      }
  }
}

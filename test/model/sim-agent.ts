/**
 * The real agent (`runSession`) in one container of the model: whatever it waits for is a point at which the scheduler
 * decides that it goes on, goes on later, or never.
 */
import { basename, dirname } from 'node:path'
import { AppState } from '../../agent/session/app-state.ts'
import type { Context, StepName } from '../../agent/session/context.ts'
import { LogWriter } from '../../agent/session/log-writer.ts'
import type { Replicator } from '../../agent/session/replicator.ts'
import { runSession } from '../../agent/session/session.ts'
import { Status } from '../../agent/session/status.ts'
import { DirtyNames } from '../../agent/capture/dirty-names.ts'
import type { Hints } from '../../agent/capture/directory-watcher.ts'
import type { Layout } from '../../agent/volume/layout.ts'
import type { Clock } from '../../shared/clock.ts'
import type { ObjectStore } from '../../shared/object-store/object-store.ts'
import { parsePin, requestText } from '../../shared/pin.ts'
import { VersionLog } from '../../shared/repository/version-log.ts'
import type { PodState } from '../../shared/service-contract.ts'

/** Something that an agent waits for. */
export interface Point {
  readonly what: string
  /** Virtual time at which a sleep ends; undefined for what may happen at once. */
  readonly dueMs: number | undefined
  /** A sleep that was ended before its time. */
  woken: boolean
  readonly go: () => void
}

/** What a pod's agent is told at CREATE. */
export interface AgentTask {
  readonly writer: string
  readonly pod: { readonly name: string; readonly uid: string }
  readonly boot: string
  readonly pin: string | null
  readonly restoreRequest: string | null
  readonly whenEmpty: Context['whenEmpty']
  readonly exclusive: boolean
  readonly graceSeconds: number
  readonly layout: Layout
  readonly reliableHints: boolean
  /** Ends with the pod; its agents share it. */
  readonly note: { slot: string | undefined }
}

export interface AgentWorld {
  nowMs(): number
  wallMs(): number
  store(agent: SimAgent): ObjectStore
  /** What the cluster says, if it answers. */
  podState(name: string): PodState | undefined
  onStep(agent: SimAgent, name: StepName): void
  /** The agent says that everything up to this version is durable. */
  onAcknowledged(agent: SimAgent, version: number): void
  /** A test may put a weaker part in the place of a real one. */
  adjust?: ((context: Context) => Context) | undefined
}

export class SimAgent {
  readonly task: AgentTask
  readonly status = new Status()
  points: Point[] = []
  ended = false
  killed = false
  failure: unknown
  readonly #world: AgentWorld
  readonly #stopping = new AbortController()
  readonly #listeners = new Set<() => void>()
  readonly #dirty = new DirtyNames()
  #replicator: Replicator | undefined
  #draining = false

  constructor(world: AgentWorld, task: AgentTask) {
    this.#world = world
    this.task = task
  }

  get alive(): boolean {
    return !this.killed && !this.ended
  }

  /** Begins; what it does first happens before this returns only as far as its first wait. */
  begin(): void {
    void this.#run(this.#context())
  }

  async #run(context: Context): Promise<void> {
    const { state } = context
    try {
      await runSession(context, {
        withinMs: 5000,
        watch: () => this.#hints(),
        take: (held, packs) => state.take(held, packs),
        onLettingGo: () => {
          this.task.note.slot = '0'
        },
        onReplicating: (replicator) => {
          this.#replicator = replicator
          if (this.#draining) replicator.drain()
        },
      })
    } catch (error) {
      this.failure = error
    }
    this.ended = true
  }

  /** Its promises never resume. */
  kill(): void {
    this.killed = true
    this.points = []
  }

  drain(): void {
    this.#draining = true
    this.#replicator?.drain()
  }

  /** SIGTERM. */
  stop(): void {
    this.#stopping.abort()
    this.#replicator?.stop()
  }

  get stopped(): boolean {
    return this.#stopping.signal.aborted
  }

  /** These may have changed. */
  hint(locations: readonly string[]): void {
    for (const location of locations) this.#dirty.mark(dirname(location), basename(location))
    if (this.alive && this.task.reliableHints) for (const listener of this.#listeners) listener()
  }

  /** Waits for the scheduler. */
  turn(what: string, dueMs?: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (this.killed) return // for ever
      const point: Point = { what, dueMs, woken: false, go: resolve }
      if (signal?.aborted === true) point.woken = true
      else
        signal?.addEventListener('abort', () => {
          point.woken = true
        })
      this.points.push(point)
    })
  }

  #hints(): Hints {
    const listeners = this.#listeners
    return {
      reliable: this.task.reliableHints,
      onHint: (listener) => listeners.add(listener),
      cover: () => undefined,
      uncover: () => undefined,
      take: () => (this.task.reliableHints ? this.#dirty.take() : 'all'),
      watches: 0,
      close: () => Promise.resolve(),
    }
  }

  #context(): Context {
    const { task } = this
    const world = this.#world
    const clock: Clock = {
      monotonicMs: () => world.nowMs(),
      now: () => new Date(world.wallMs()),
      sleep: (ms, signal) => this.turn(`sleep ${Math.round(ms)}`, world.nowMs() + ms, signal),
    }
    const patience = { clock }
    const store = world.store(this)
    const log = new VersionLog(store, { namespace: 'model', app: 'app', slot: '0' }, patience)
    const pod = { ...task.pod, boot: task.boot, node: 'node' }
    const identity = { writer: task.writer, pod, graceSeconds: task.graceSeconds }
    const { pin, restoreRequest } = task
    this.#watchStatus()
    const context: Context = {
      store,
      writer: new LogWriter(log, identity, patience),
      state: new AppState(task.layout, clock),
      facts: {
        roots: task.layout.roots.map(({ path, as }) => ({ path, as })),
        images: [],
        templateHash: null,
      },
      patience,
      status: this.status,
      step: async (name) => {
        world.onStep(this, name)
        await this.turn(`step ${name}`)
      },
      request:
        pin === null ? undefined : { text: requestText(pin, restoreRequest), pin: parsePin(pin) },
      whenEmpty: task.whenEmpty,
      exclusive: task.exclusive,
      claimedAt: null,
      podState: async ({ name }) => {
        await this.turn(`ask about pod ${name}`)
        return world.podState(name)
      },
      letGoIn: () => task.note.slot,
      stopping: this.#stopping.signal,
    }
    return world.adjust?.(context) ?? context
  }

  #watchStatus(): void {
    this.status.onChange((now, before) => {
      if (now.lastVersion !== before.lastVersion) this.#world.onAcknowledged(this, now.lastVersion)
    })
  }
}

/** Resolves when no agent has anything left to do but wait for the scheduler: they do nothing asynchronous but turns of the event loop. */
export async function untilQuiet(): Promise<void> {
  do {
    await new Promise((resolve) => {
      setImmediate(resolve)
    })
  } while (process.getActiveResourcesInfo().includes('Immediate'))
}

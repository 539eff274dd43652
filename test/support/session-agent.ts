/** The agent's session within the test's own process, as `agent/replicate.ts` composes it; store, clock and steps are the test's. */
import { randomUUID } from 'node:crypto'
import type { Hints } from '../../agent/capture/directory-watcher.ts'
import { watchDirectories } from '../../agent/capture/directory-watcher.ts'
import { AppState } from '../../agent/session/app-state.ts'
import type { Step } from '../../agent/session/context.ts'
import { newWriter } from '../../agent/session/identity.ts'
import { LogWriter } from '../../agent/session/log-writer.ts'
import type { Replicator } from '../../agent/session/replicator.ts'
import { runSession } from '../../agent/session/session.ts'
import { tellSilence } from '../../agent/session/silent-store.ts'
import type { StatusFacts } from '../../agent/session/status.ts'
import { Status } from '../../agent/session/status.ts'
import type { Layout } from '../../agent/volume/layout.ts'
import type { Clock } from '../../shared/clock.ts'
import type { ObjectStore } from '../../shared/object-store/object-store.ts'
import type { Patience } from '../../shared/patience.ts'
import { parsePin, requestText } from '../../shared/pin.ts'
import { VersionLog } from '../../shared/repository/version-log.ts'

export interface SessionAgentOptions {
  /** The app's state, and the root of its volume. */
  readonly dir: string
  readonly store: ObjectStore
  readonly clock: Clock
  /** The pod that it runs in; a new one by default. */
  readonly pod?: string
  readonly pin?: string
  readonly app?: string
  readonly withinMs?: number
  readonly step?: Step
  /** Changes are told by `hint` instead of a watcher. */
  readonly hintedByHand?: boolean
}

export class SessionAgent {
  readonly status = new Status()
  /** Every version that it said to be durable, in that order. */
  readonly acknowledged: number[] = []
  failure: unknown
  readonly ended: Promise<void>
  readonly #stopping = new AbortController()
  readonly #listeners = new Set<() => void>()
  #hints: Hints | undefined
  #replicator: Replicator | undefined
  #dead = false

  constructor(options: SessionAgentOptions) {
    this.status.onChange((now, before) => {
      if (!this.#dead && now.lastVersion !== before.lastVersion)
        this.acknowledged.push(now.lastVersion)
    })
    this.ended = this.#run(options).catch((error: unknown) => {
      this.failure = error
    })
  }

  get facts(): StatusFacts {
    return this.status.facts
  }

  /** As SIGKILL: nothing that it waits for ever comes, and it asks for nothing more. */
  async kill(): Promise<void> {
    this.#dead = true
    await this.#hints?.close()
  }

  /** As SIGTERM; resolves with its end. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    this.#replicator?.stop()
    await this.ended
  }

  /** As the preStop hook: the app is stopping. */
  drain(): void {
    this.#replicator?.drain()
  }

  /** As the annotation: a version with this tag, now. Resolves to its number. */
  backup(tag: string): Promise<number> {
    if (this.#replicator === undefined) throw new Error('it replicates nothing yet')
    return this.#replicator.backup(tag)
  }

  /** Something may have changed. */
  hint(): void {
    for (const listener of this.#listeners) listener()
  }

  async #run(options: SessionAgentOptions): Promise<void> {
    const { dir, pod = randomUUID(), pin, app = 'shop', step = () => undefined } = options
    const clock = this.#mortal(options.clock)
    const store = this.#mortal(options.store)
    const patience: Patience = {
      clock,
      onRetry: (error) => tellSilence(this.status, state, error),
    }
    const stream = { namespace: 'market', app, slot: '0' }
    const identity = newWriter({ name: 'shop-0', uid: pod, node: '' }, 0)
    const state = new AppState(layoutOf(dir), clock)
    const context = {
      store,
      writer: new LogWriter(new VersionLog(store, stream, patience), identity, patience),
      state,
      facts: {
        roots: [{ path: '/data', as: 'auto' as const }],
        images: [],
        templateHash: null,
      },
      patience,
      status: this.status,
      step,
      request: pin === undefined ? undefined : { text: requestText(pin, null), pin: parsePin(pin) },
      whenEmpty: 'resume' as const,
      exclusive: true,
      claimedAt: null,
      podState: () => Promise.resolve(undefined),
      letGoIn: () => undefined,
      stopping: this.#stopping.signal,
    }
    await runSession(context, {
      withinMs: options.withinMs ?? 400,
      watch: () => (this.#hints = this.#watch(options.hintedByHand === true)),
      take: (held, packs) => state.take(held, packs),
      onReplicating: (replicator) => {
        this.#replicator = replicator
      },
    })
  }

  #watch(byHand: boolean): Hints {
    if (!byHand) return watchDirectories(() => undefined)
    return {
      reliable: true,
      onHint: (listener) => this.#listeners.add(listener),
      cover: () => undefined,
      uncover: () => undefined,
      take: () => 'all',
      watches: 0,
      close: () => Promise.resolve(),
    }
  }

  #mortal<T extends object>(part: T): T {
    const never = new Promise<never>(() => undefined)
    const outlive = (answer: unknown) => (this.#dead ? never : answer)
    return new Proxy(part, {
      get: (target, key) => {
        const member: unknown = Reflect.get(target, key)
        if (typeof member !== 'function') return member
        return (...args: unknown[]): unknown => {
          const answer: unknown = Reflect.apply(member, target, args)
          if (!(answer instanceof Promise)) return answer
          return answer.then(outlive, (error: Error) =>
            this.#dead ? never : Promise.reject(error),
          )
        }
      },
    })
  }
}

function layoutOf(dir: string): Layout {
  return {
    roots: [{ path: '/data', as: 'auto', at: dir, excludes: () => false }],
    volumes: [{ at: dir, sizeLimitBytes: null, memory: false }],
  }
}

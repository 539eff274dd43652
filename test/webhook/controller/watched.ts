import type { HasClosed } from '../../../webhook/controller/ended-pods.ts'
import type { Events } from '../../../webhook/controller/events.ts'
import type { PodFacts, ProtectedCondition } from '../../../webhook/controller/pod-facts.ts'
import type { PodChange, PodFeed } from '../../../webhook/controller/pod-feed.ts'
import { PodWatch } from '../../../webhook/controller/pod-watch.ts'
import { VirtualTime } from '../../support/virtual-time.ts'
import { podFacts } from './reports.ts'

/** A leader, with what it was told in place of a cluster. */
export class Watched {
  readonly time = new VirtualTime()
  readonly told: string[] = []
  readonly notes: string[] = []
  readonly errors: unknown[] = []
  /** Those that went before this one watched, and how often it was asked for them. */
  goneBefore: PodFacts[] = []
  readonly lookedBackTo: string[] = []
  lookBackFault: () => Error | undefined = () => undefined
  fault: () => Error | undefined = () => undefined
  /** What the store says of pods, and how often it was asked. */
  hasClosed: HasClosed = () => Promise.resolve(false)
  asked = 0
  readonly watch: PodWatch
  readonly stop = new AbortController()
  readonly #changes: PodChange[] = []
  #wake = Promise.withResolvers<void>()

  constructor(since: string | null = null) {
    const events: Events = {
      tell: async ({ pod, owner }, { reason, note }) => {
        const fault = this.fault()
        if (fault !== undefined) throw fault
        this.told.push(`${owner?.kind ?? 'Pod'} ${pod.name} ${reason}`)
        this.notes.push(note)
      },
    }
    const feed: PodFeed = {
      follow: (signal) => this.#follow(signal),
      goneSince: (version) => this.#goneSince(version),
    }
    const onError = (error: unknown) => this.errors.push(error)
    const hasClosed: HasClosed = (pod) => {
      this.asked += 1
      return this.hasClosed(pod)
    }
    const { clock } = this.time
    this.watch = new PodWatch({ feed, events, hasClosed, clock, onError, onStoreError: onError })
    void this.watch.run(this.stop.signal, since)
  }

  async happen(...changes: PodChange[]): Promise<void> {
    this.#changes.push(...changes)
    this.#wake.resolve()
    await this.time.pass(1000)
  }

  async *#goneSince(version: string): AsyncGenerator<PodFacts> {
    this.lookedBackTo.push(version)
    await this.time.clock.sleep(20_000)
    const fault = this.lookBackFault()
    if (fault !== undefined) throw fault
    yield* this.goneBefore
  }

  async *#follow(signal: AbortSignal): AsyncGenerator<PodChange> {
    while (!signal.aborted) {
      yield* this.#changes.splice(0)
      await this.#wake.promise
      this.#wake = Promise.withResolvers<void>()
    }
  }
}

export const UNSHIPPED = 'at least 12 bytes unshipped since 2026-11-20T14:14:56Z'
export const condition = (parts: Partial<ProtectedCondition> = {}): ProtectedCondition => ({
  status: 'True',
  reason: 'Protected',
  message: 'v43 is the newest version',
  since: '2026-11-20T14:00:00Z',
  heardAt: '2026-11-20T14:15:00Z',
  ...parts,
})
/** Something of it is unshipped. */
export const behind = podFacts({ condition: condition({ message: `v43; ${UNSHIPPED}` }) })

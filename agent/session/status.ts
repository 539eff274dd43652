/** What the agent is doing, for people: the startup probe prints it, `/healthz` and the metrics show it, the log has each change. */
import type { PHASES } from '../../shared/service-contract.ts'

type Phase = (typeof PHASES)[number]

export interface StatusFacts {
  /** `<namespace>/<app>/<slot>`, with `?` for a slot that is not taken yet. */
  readonly stream: string
  readonly slot: string | null
  readonly phase: Phase
  /** One sentence: why it waits or holds, or how far it is. */
  readonly reason: string
  /** The app has been let go. */
  readonly ready: boolean
  /** `main`, or `superseded`: another writer took the main line over, and this one ships on a branch. */
  readonly line: 'main' | 'superseded'
  /** The bucket overwrites what a conditional PUT should have refused: the log is no lock there. */
  readonly unfenced: boolean
  /** The newest version of this writer; 0 for none yet. */
  readonly lastVersion: number
  readonly lastComplete: boolean
  /** Wall clock of the last acknowledgement, in milliseconds; 0 for none. */
  readonly lastCommittedAtMs: number
  /** Monotonic time since which something is known to be unshipped; undefined when all is shipped. */
  readonly unshippedSinceMs: number | undefined
  /** Bytes of the files that the last look found changed and that are not durable yet: while they wait, more may change. */
  readonly unshippedBytes: number
  /** What a person should know once: a request that was fulfilled before, a way back. */
  readonly note: string
  /** The restore request that the volume answers, and the version that it was resolved to; null where this agent found or fulfilled none. */
  readonly restored: { readonly request: string; readonly version: number } | null
  /** Why nothing is committed, or why the store refuses; empty when all is well. */
  readonly problem: string
  /** Why the app may still stand still between two hooks; empty when it was thawed. */
  readonly frozen: string
}

export class Status {
  #facts: StatusFacts = {
    stream: '',
    slot: null,
    phase: 'starting',
    reason: 'starting',
    ready: false,
    line: 'main',
    unfenced: false,
    lastVersion: 0,
    lastComplete: true,
    lastCommittedAtMs: 0,
    unshippedSinceMs: undefined,
    unshippedBytes: 0,
    note: '',
    restored: null,
    problem: '',
    frozen: '',
  }
  readonly #listeners = new Set<(now: StatusFacts, before: StatusFacts) => void>()

  get facts(): StatusFacts {
    return this.#facts
  }

  set(change: Partial<StatusFacts>): void {
    const before = this.#facts
    this.#facts = { ...before, ...change }
    for (const listener of this.#listeners) listener(this.#facts, before)
  }

  onChange(listener: (now: StatusFacts, before: StatusFacts) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Resolves once `condition` holds. */
  async until(condition: (facts: StatusFacts) => boolean, signal?: AbortSignal): Promise<void> {
    if (condition(this.#facts) || signal?.aborted === true) return
    await new Promise<void>((resolve) => {
      const end = () => {
        off()
        signal?.removeEventListener('abort', end)
        resolve()
      }
      const off = this.onChange((facts) => {
        if (condition(facts)) end()
      })
      signal?.addEventListener('abort', end, { once: true })
    })
  }
}

/** Seconds since which something is unshipped; 0 when all is durable. */
export function lagOf(unshippedSinceMs: number | undefined, nowMs: number): number {
  return unshippedSinceMs === undefined ? 0 : (nowMs - unshippedSinceMs) / 1000
}

/**
 * What is to be written, by pod: the newest report of each, what changes its standing before mere progress, at a bounded
 * rate, whatever the agents send. Idle, it does nothing. It holds at most one entry for each pod that reports.
 */
import type { Clock } from '../../shared/clock.ts'
import { BackOff } from '../../shared/patience.ts'
import { ClusterUnreachableError, ConflictError } from '../kubernetes/cluster-error.ts'
import type { HeardReport } from './condition.ts'
import { mergeReports } from './plan-write.ts'
import type { PodRef } from './pod-facts.ts'

export interface Entry {
  readonly pod: PodRef
  readonly heard: HeardReport
}

export interface WriteQueueOptions {
  readonly clock: Clock
  /** Writes one pod. */
  readonly write: (entry: Entry) => Promise<void>
  readonly perSecond: number
  /** So many may go at once after a rest: news are not held back by a rate that nothing has used. */
  readonly burst: number
  /** An entry was given up (`isFinal`), or has to wait for the API server. */
  readonly onError: (error: unknown, pod: PodRef, isFinal: boolean) => void
}

const AT_ONCE = 4
const FIRST_WAIT_MS = 500

interface Pending extends Entry {
  readonly done: PromiseWithResolvers<void>
}

export class WriteQueue {
  readonly #options: WriteQueueOptions
  /** By the pods' uids, oldest first. */
  readonly #news = new Map<string, Pending>()
  readonly #progress = new Map<string, Pending>()
  readonly #writing = new Set<string>()
  #isPumping = false
  /** When the bucket would be full again (monotonic). */
  #fullAtMs = 0
  #notBeforeMs = 0
  #backOff = new BackOff(FIRST_WAIT_MS)
  #wake = Promise.withResolvers<void>()

  constructor(options: WriteQueueOptions) {
    this.#options = options
  }

  /** Those that wait; the ones being written are not among them. */
  get length(): number {
    return this.#news.size + this.#progress.size
  }

  /** Resolves when the pod says it, or something newer; rejects when it was given up. Nobody has to wait for it. */
  put(entry: Entry, isNews: boolean): Promise<void> {
    const { uid } = entry.pod
    const waiting = this.#news.get(uid) ?? this.#progress.get(uid)
    const pending = waiting === undefined ? fresh(entry) : merged(waiting, entry)
    this.#keep(pending, isNews || this.#news.has(uid))
    return pending.done.promise
  }

  /** Resolves when nothing waits or is being written any more. */
  async settled(): Promise<void> {
    while (this.length > 0 || this.#writing.size > 0) await this.#wake.promise
  }

  #keep(pending: Pending, isNews: boolean): void {
    const { uid } = pending.pod
    if (isNews) this.#progress.delete(uid)
    const waiting = isNews ? this.#news : this.#progress
    waiting.set(uid, pending)
    if (!this.#isPumping) void this.#pump()
  }

  async #pump(): Promise<void> {
    this.#isPumping = true
    const { clock } = this.#options
    while (this.length > 0) {
      const waitMs = this.#waitMs()
      if (waitMs > 0) {
        await clock.sleep(waitMs)
        continue
      }
      const next = this.#writing.size < AT_ONCE ? this.#take() : undefined
      if (next === undefined) {
        await this.#wake.promise
        continue
      }
      this.#spend()
      this.#writing.add(next.pod.uid)
      void this.#write(next)
    }
    this.#isPumping = false
  }

  /** The oldest of the first kind whose pod is not being written right now. */
  #take(): Pending | undefined {
    for (const waiting of [this.#news, this.#progress])
      for (const [uid, pending] of waiting) {
        if (this.#writing.has(uid)) continue
        waiting.delete(uid)
        return pending
      }
    return undefined
  }

  async #write(pending: Pending): Promise<void> {
    const { write, onError, clock } = this.#options
    try {
      await write(pending)
      this.#backOff = new BackOff(FIRST_WAIT_MS)
      pending.done.resolve()
    } catch (error) {
      const isFinal = !(error instanceof ClusterUnreachableError || error instanceof ConflictError)
      onError(error, pending.pod, isFinal)
      if (isFinal) pending.done.reject(error)
      else this.#again(pending)
      if (error instanceof ClusterUnreachableError)
        this.#notBeforeMs = clock.monotonicMs() + this.#backOff.nextMs()
    }
    this.#writing.delete(pending.pod.uid)
    this.#wake.resolve()
    this.#wake = Promise.withResolvers<void>()
  }

  /** Before what was heard meanwhile. */
  #again(pending: Pending): void {
    const { uid } = pending.pod
    const later = this.#news.get(uid) ?? this.#progress.get(uid)
    if (later === undefined) return this.#keep(pending, true)
    this.#keep({ ...later, heard: mergeReports(pending.heard, later.heard) }, true)
    later.done.promise.then(pending.done.resolve, pending.done.reject)
  }

  #waitMs(): number {
    const { clock, perSecond, burst } = this.#options
    const nowMs = clock.monotonicMs()
    const emptyUntilMs = this.#fullAtMs - (burst - 1) * (1000 / perSecond)
    return Math.max(emptyUntilMs, this.#notBeforeMs) - nowMs
  }

  #spend(): void {
    const { clock, perSecond } = this.#options
    this.#fullAtMs = Math.max(this.#fullAtMs, clock.monotonicMs()) + 1000 / perSecond
  }
}

function fresh(entry: Entry): Pending {
  const done = Promise.withResolvers<void>()
  done.promise.catch(() => undefined)
  return { ...entry, done }
}

function merged(waiting: Pending, entry: Entry): Pending {
  return { ...waiting, heard: mergeReports(waiting.heard, entry.heard) }
}

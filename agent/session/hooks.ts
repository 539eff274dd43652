/**
 * What the declaration wants called around a capture: the app quiesces, the picture is taken, the app goes on.
 *
 *   note → before → picture → after → note away
 *
 * From the note on the app counts as frozen, whatever `before` answers (one that timed out may have frozen it all the
 * same), until `after` was heard. `after` is called when the picture is taken, or failed, or takes too long (it is then
 * given up and tried again), or the agent is told to stop; by a restarted agent when it finds the note; and again and
 * again while it fails. So the app may be thawed twice, which must do no harm.
 */
import type { Clock } from '../../shared/clock.ts'
import { HoldfastError } from '../../shared/errors.ts'
import type { Assignment } from '../../shared/sidecar-contract.ts'
import type { AppState, Picture } from './app-state.ts'
import type { TakeCapture } from './committer.ts'
import type { Step } from './context.ts'
import { FrozenNote, FrozenNoteError } from './frozen-note.ts'
import { callHook, type HookFailure, type HookRunner } from './hook-call.ts'
import type { Status } from './status.ts'

/** No version for now: a hook with `onError: fail` failed, or the app was frozen for too long. */
export class HookError extends HoldfastError {}

/** An app is frozen for so many times the timeout of `before` at most: a minute by default. */
const FROZEN_PER_TIMEOUT = 6
/** Between the calls of an `after` that fails: these, and then the last one again and again. */
const THAW_WAITS_MS = [250, 500, 1000, 2000, 4000, 8000]
const LAST_WAIT_MS = 30_000

export interface HookSeams {
  readonly clock: Clock
  readonly status: Status
  readonly stopping: AbortSignal
  readonly step: Step
  readonly warn: (sentence: string) => void
  readonly notePath: string
  readonly runner: HookRunner
}

type Hooks = Pick<Assignment, 'before' | 'after'>
type Taking = () => Promise<Picture | undefined>

export class AppHooks {
  readonly #hooks: Hooks
  readonly #seams: HookSeams
  readonly #note: FrozenNote
  /** `after` was not heard yet. */
  #owed = false
  /** The calls that go on beside everything else, and how they are ended. */
  #thawing: { readonly ended: Promise<void>; readonly pause: AbortController } | undefined

  constructor({ before, after }: Hooks, seams: HookSeams) {
    this.#hooks = { before, after }
    this.#seams = seams
    this.#note = new FrozenNote(seams.notePath)
  }

  /** First thing after a start: thaws an app that an earlier agent of this pod may have left frozen. */
  resume(): void {
    if (this.#hooks.after === null || !this.#note.isThere()) return
    this.#owed = true
    this.#seams.warn('an earlier agent of this pod ended while the app was frozen: thawing it')
    this.#goOnThawing(0)
  }

  /** Pictures of the state between the hooks, which are not called where nothing has changed. */
  around(state: Pick<AppState, 'take' | 'mayDiffer'>): TakeCapture {
    const { before, after } = this.#hooks
    if (before === null && after === null) return (held, packs) => state.take(held, packs)
    return async (held, packs) => {
      if (!(await state.mayDiffer(held))) return state.take(held, packs)
      await this.#settle()
      return this.#between(() => state.take(held, packs))
    }
  }

  /** To be called when told to stop: resolves once `after` was heard, or has failed once more. */
  async end(): Promise<void> {
    await this.#thawing?.ended
  }

  async #between(take: Taking): Promise<Picture | undefined> {
    const frozenSinceMs = this.#seams.clock.monotonicMs()
    try {
      await this.#freeze()
      return await this.#takeInTime(take, frozenSinceMs)
    } finally {
      await this.#thaw()
    }
  }

  async #freeze(): Promise<void> {
    const { before } = this.#hooks
    const { stopping, step, warn, runner } = this.#seams
    const failure =
      this.#leaveNote() ?? (before && (await callHook('before', before, runner, stopping)))
    if (failure?.unheard === true) this.#settled()
    if (failure) {
      const sentence = `the hook backup.before ${failure.why}`
      if (before?.onError !== 'continue') throw new HookError(sentence)
      warn(sentence)
    }
    await step('frozen')
  }

  /** The app is not frozen without the note that makes sure of its thaw. */
  #leaveNote(): HookFailure | undefined {
    const { before, after } = this.#hooks
    this.#owed = after !== null
    if (before === null || after === null) return undefined // no freeze, or nobody to end it
    try {
      this.#note.leave()
      return undefined
    } catch (error) {
      if (!(error instanceof FrozenNoteError)) throw error
      return { why: `was not called: ${error.message}`, unheard: true }
    }
  }

  /** The picture, unless it comes too late: the app has long gone on by then. Two are never taken at once. */
  async #takeInTime(take: Taking, frozenSinceMs: number): Promise<Picture | undefined> {
    const { clock, status, stopping } = this.#seams
    const { before, after } = this.#hooks
    if (before === null || after === null) return take()
    const boundMs = before.timeoutMs * FROZEN_PER_TIMEOUT
    const ended = new AbortController()
    const taking = take().finally(() => {
      ended.abort()
    })
    taking.catch(() => undefined) // it is awaited below, in each case
    const leftMs = frozenSinceMs + boundMs - clock.monotonicMs()
    await clock.sleep(leftMs, AbortSignal.any([ended.signal, stopping]))
    if (ended.signal.aborted) return taking
    await this.#thaw()
    // Told to stop: the app is gone or going, and what it changes from now on is the last flush's.
    if (stopping.aborted) return taking
    const late = new HookError(
      `this version is given up, since the app was frozen for ${boundMs / 1000} s and the picture was not taken yet: it is tried again; a longer backup.before.timeout gives it more (${FROZEN_PER_TIMEOUT} times as much)`,
    )
    status.set({ problem: late.message })
    await taking
    throw late
  }

  /** Calls `after` if it is owed; where it fails the calls go on by themselves. */
  async #thaw(): Promise<void> {
    if (!this.#owed || this.#thawing !== undefined) return
    if (!(await this.#callAfter())) this.#goOnThawing(1)
  }

  #goOnThawing(tries: number): void {
    const pause = new AbortController()
    this.#thawing = { ended: this.#thawUntil(pause.signal, tries), pause }
  }

  async #thawUntil(paused: AbortSignal, triesBefore: number): Promise<void> {
    const { clock, stopping } = this.#seams
    const woken = AbortSignal.any([paused, stopping])
    for (let tries = triesBefore; !paused.aborted; tries += 1) {
      if (tries > 0) await clock.sleep(THAW_WAITS_MS[tries - 1] ?? LAST_WAIT_MS, woken)
      if (paused.aborted || (await this.#callAfter()) || stopping.aborted) break
    }
    this.#thawing = undefined
  }

  /** Before the app is frozen again. Throws `HookError` where an `after` that fails is said to forbid that. */
  async #settle(): Promise<void> {
    if (!this.#owed) return
    this.#thawing?.pause.abort()
    await this.#thawing?.ended
    if (!this.#owed || (await this.#callAfter()) || this.#hooks.after?.onError !== 'fail') return
    this.#goOnThawing(1)
    throw new HookError(
      `no version is made before the app is thawed: ${this.#seams.status.facts.frozen}`,
    )
  }

  /** True when it was heard. */
  async #callAfter(): Promise<boolean> {
    const { after } = this.#hooks
    const failure = after === null ? undefined : await callHook('after', after, this.#seams.runner)
    if (failure === undefined) this.#settled()
    else
      this.#seams.status.set({
        frozen: `the hook backup.after ${failure.why}: the app may still be frozen`,
      })
    return failure === undefined
  }

  #settled(): void {
    this.#owed = false
    this.#note.takeAway()
    this.#seams.status.set({ frozen: '' })
  }
}

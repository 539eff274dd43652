/**
 * The loop of a running agent: hint → settle → capture → commit, within the promised time.
 *
 * What it does not see by hints it finds by scans, more often where hints are not reliable; it asks S3 nothing while
 * nothing changes, and a store that refuses ever more rarely. Told that the app is stopping it ships at once; told to
 * stop it ships what is left and closes.
 */
import { HoldfastError } from '../../shared/errors.ts'
import { BackOff } from '../../shared/patience.ts'
import type { Hints } from '../capture/directory-watcher.ts'
import type { Picture } from './app-state.ts'
import { closeLine } from './close-line.ts'
import type { Committer, TakeCapture } from './committer.ts'
import type { Context } from './context.ts'
import { HookError } from './hooks.ts'
import { quietTime } from './quiet-time.ts'
import { rescanAfterMs } from './rescan-time.ts'
import { makeTagged } from './tagged-version.ts'

export interface ReplicatorOptions {
  readonly withinMs: number
  readonly hints: Hints
  /** Takes the picture: plain, or between hooks. */
  readonly take: TakeCapture
  /** A volume at rest is scanned again after this; by default after 30 s, or later where a scan costs much. */
  readonly rescanMs?: number
  /** Called when nothing has happened for a second after everything was shipped. */
  readonly atRest?: () => void
}

/** Files read within 2 s of their change are looked at once more after this. */
const DOUBT_MS = 2_100
/** Without a hint for so long, the agent is at rest. */
const AT_REST_MS = 1_000
/** What holds a version back is looked for again after this, or when a hint comes. */
const RECHECK_MS = 5_000
/** The first wait after a pass that failed; then they grow. */
const RETRY_MS = 5_000
const LAST_RETRY_MS = 1_000
/** The app is gone when an agent is told to stop; outside of pods something may go on writing. */
const LAST_PASSES = 3
const NOTHING_UNSHIPPED = { unshippedSinceMs: undefined, unshippedBytes: 0 }

type Wake = 'hint' | 'stop' | 'drain' | 'backup'
/** `held back`: by what the volume holds, or by a hook; the store was not asked. */
type Outcome = 'shipped' | 'held back' | 'failed'

interface BackupRequest {
  readonly tag: string
  resolve(n: number): void
  reject(error: unknown): void
}

export class Replicator {
  readonly #context: Context
  readonly #committer: Committer
  readonly #options: ReplicatorOptions
  readonly #backups: BackupRequest[] = []
  #wake: ((why: Wake) => void) | undefined
  #unseen = true
  /** Monotonic time of the first hint that no pass has taken up. */
  #unseenSinceMs = -Infinity
  #lastHintMs = -Infinity
  /** Monotonic time of the last version. */
  #lastVersionMs = -Infinity
  #stopping = false
  #draining = false
  /** Somebody asked for a pass since the last one began: it is not put off, however often they failed. */
  #urgent = false
  #backOff = new BackOff(RETRY_MS)

  constructor(context: Context, committer: Committer, options: ReplicatorOptions) {
    this.#context = context
    this.#committer = committer
    this.#options = options
    options.hints.onHint(this.#hint)
  }

  /** The app was told to stop: what changes from now on is shipped at once. */
  drain(): void {
    this.#draining = true
    this.#urgent = true
    this.#backOff = new BackOff(RETRY_MS)
    this.#context.status.set({ phase: 'draining', reason: 'the app is stopping: shipping at once' })
    this.#wake?.('drain')
  }

  stop(): void {
    this.#stopping = true
    this.#wake?.('stop')
  }

  /** Makes a version now, with this tag. The same tag again is the same request. Resolves to its number. */
  backup(tag: string): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#backups.push({ tag, resolve, reject })
      this.#urgent = true
      this.#wake?.('backup')
    })
  }

  /** Runs until `stop`; what could be shipped is shipped, and the stream closed, when it resolves. */
  async run(): Promise<void> {
    while (!this.#stopping) {
      await this.#settle()
      const outcome = await this.#pass('change')
      await this.#answerBackups()
      if (this.#stopping) break
      await this.#rest(outcome)
    }
    const isFlushed = await this.#lastFlush()
    await this.#answerBackups()
    await this.#close(isFlushed)
  }

  /** What is left is shipped; while the store refuses, again and again for as long as the grace period may last. True: all of it. */
  async #lastFlush(): Promise<boolean> {
    const { patience, state, writer } = this.#context
    const { clock } = patience
    const endMs = clock.monotonicMs() + writer.identity.graceSeconds * 1000
    let isSame = false
    for (let passes = 0; passes < LAST_PASSES;) {
      const { parent } = this.#committer.standing
      const isShipped = (await this.#pass('stop')) === 'shipped'
      if (isShipped && !this.#unseen) return true
      isSame = isShipped && parent === this.#committer.standing.parent
      if (isShipped) passes += 1
      else if (state.whyNot !== undefined || clock.monotonicMs() >= endMs) return false
      else await clock.sleep(LAST_RETRY_MS)
    }
    // Whoever looks at a database touches its log: where nothing differs, hints are no change.
    return isSame
  }

  readonly #hint = (): void => {
    const { patience, status } = this.#context
    this.#lastHintMs = patience.clock.monotonicMs()
    if (!this.#unseen) {
      this.#unseenSinceMs = this.#lastHintMs
      // What a pass is at, or has failed over, is older.
      status.set({ unshippedSinceMs: status.facts.unshippedSinceMs ?? this.#lastHintMs })
    }
    this.#unseen = true
    this.#wake?.('hint')
  }

  /** Until the next pass is due. An app that goes on writing must not have a store that refuses asked all the time. */
  async #rest(outcome: Outcome): Promise<void> {
    if (outcome !== 'failed') this.#backOff = new BackOff(RETRY_MS)
    if (outcome === 'shipped') return this.#restShipped()
    if (this.#urgent) return
    if (outcome === 'held back') await this.#sleep(RECHECK_MS)
    else await this.#sleep(this.#backOff.nextMs(), { despiteHints: true })
  }

  async #restShipped(): Promise<void> {
    const { atRest } = this.#options
    if (atRest !== undefined && this.#restMs() > AT_REST_MS) {
      if (await this.#sleep(AT_REST_MS)) return
      atRest()
    }
    await this.#sleep(this.#restMs())
  }

  /** Waits for the end of a burst, but never so long that half of the promised time is gone. */
  async #settle(): Promise<void> {
    const { clock } = this.#context.patience
    const { withinMs } = this.#options
    const beganMs = clock.monotonicMs()
    const quietMs = quietTime(withinMs, beganMs - this.#lastVersionMs)
    const deadlineMs = beganMs + withinMs / 2
    while (!this.#draining && !this.#stopping && this.#backups.length === 0) {
      const waitMs = Math.min(this.#lastHintMs + quietMs, deadlineMs) - clock.monotonicMs()
      if (waitMs <= 0) return
      await this.#sleep(waitMs)
    }
  }

  /** Captures and commits, once. But for `shipped`, something was in the way, and it has to be tried again. */
  async #pass(reason: 'change' | 'stop'): Promise<Outcome> {
    const { status, state, step, patience } = this.#context
    this.#unseen = false
    this.#urgent = false
    const beganMs = patience.clock.monotonicMs()
    // A write of a moment ago may have its hint still to come, and the last flush has no later pass.
    if (reason === 'stop' || beganMs >= state.surveyedAllMs + this.#rescanMs())
      state.distrustHints()
    try {
      const take = reason === 'stop' ? this.#takeAlone : this.#take
      const result = await this.#committer.commit(take, { reason })
      if (result !== undefined) {
        await step('committed')
        this.#report(result.n, result.record.complete)
      }
      if (state.whyNot !== undefined) throw new HoldfastError(state.whyNot)
      if (this.#unseen) status.set({ unshippedSinceMs: this.#unseenSinceMs, problem: '' })
      else status.set({ ...NOTHING_UNSHIPPED, problem: '' })
      return 'shipped'
    } catch (error) {
      if (!(error instanceof HoldfastError)) throw error
      status.set({
        problem: error.message,
        unshippedBytes: state.pendingBytes,
        unshippedSinceMs: status.facts.unshippedSinceMs ?? beganMs,
      })
      return state.whyNot !== undefined || error instanceof HookError ? 'held back' : 'failed'
    }
  }

  /** Its bytes are in the store, no version refers to them yet. */
  async #captured(capture: Picture | undefined): Promise<Picture | undefined> {
    if (capture !== undefined) await this.#context.step('captured')
    return capture
  }

  readonly #take: TakeCapture = async (held, packs) =>
    this.#captured(await this.#options.take(held, packs))

  /** Without hooks: the app that they would quiesce is gone. */
  readonly #takeAlone: TakeCapture = async (held, packs) =>
    this.#captured(await this.#context.state.take(held, packs))

  #report(n: number, complete: boolean): void {
    const { status, patience } = this.#context
    this.#lastVersionMs = patience.clock.monotonicMs()
    status.set({
      lastVersion: n,
      lastComplete: complete,
      lastCommittedAtMs: patience.clock.now().getTime(),
      line: this.#committer.standing.main ? 'main' : 'superseded',
    })
  }

  async #answerBackups(): Promise<void> {
    for (let request; (request = this.#backups.shift());) {
      try {
        request.resolve(await this.#commitTagged(request.tag))
        this.#urgent = true // what a pass failed over is over
      } catch (error) {
        request.reject(error)
      }
    }
  }

  #commitTagged(tag: string): Promise<number> {
    return makeTagged(this.#context, tag, {
      committer: this.#committer,
      take: this.#take,
      onCommitted: ({ n, record }) => {
        this.#report(n, record.complete)
      },
    })
  }

  /** How long nothing needs to be done if no hint comes. */
  #restMs(): number {
    const { scanMs, doubtful } = this.#context.state
    if (this.#draining) return Math.min(500, this.#options.withinMs / 2)
    if (this.#unseen || this.#backups.length > 0) return 0
    if (doubtful > 0) return DOUBT_MS
    if (!this.#options.hints.reliable) return Math.max(this.#options.withinMs / 2, scanMs * 10)
    return this.#rescanMs()
  }

  /** A survey of the whole is made good after this, for the hint that was missed. */
  #rescanMs(): number {
    return this.#options.rescanMs ?? rescanAfterMs(this.#context.state.scanMs)
  }

  /** True: woken before. */
  async #sleep(ms: number, { despiteHints = false } = {}): Promise<boolean> {
    const ended = new AbortController()
    this.#wake = (why) => {
      if (why !== 'hint' || !despiteHints) ended.abort()
    }
    if (ms > 0) await this.#context.patience.clock.sleep(ms, ended.signal)
    this.#wake = undefined
    return ended.signal.aborted
  }

  async #close(isFlushed: boolean): Promise<void> {
    const { status, step } = this.#context
    const { open, lineage, main } = this.#committer.standing
    if (main && status.facts.problem === '') await closeLine(this.#context, open, lineage)
    await step('closed')
    // A hint that came since is late word of what the last flush has shipped: the app is gone.
    status.set({ phase: 'ended', reason: 'ended', ...(isFlushed && NOTHING_UNSHIPPED) })
  }
}

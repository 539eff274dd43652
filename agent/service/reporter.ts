/**
 * Tells the service what a person should know: news at once, progress twice a minute at most, and nothing while nothing
 * changes. Only what is true when a report is sent is kept for it; nobody ever waits for one, but the end for the last.
 */
import type { Clock } from '../../shared/clock.ts'
import { BackOff } from '../../shared/patience.ts'
import type { ReportAnswer } from '../../shared/service-contract.ts'
import { MAX_BACKUPS } from '../../shared/service-contract.ts'
import type { Status, StatusFacts } from '../session/status.ts'
import { reportOf, urgencyOf, type BackupAnswer, type Urgency } from './report.ts'
import { ServiceError, type Service } from './service.ts'

/** What changes, and changes back, is no news twice a second. */
const NEWS_MS = 1_000
const PROGRESS_MS = 30_000
/** The first wait after a report that was not heard; then they grow. */
const RETRY_MS = 1_000
/** The last report may cost the end of a pod so much. */
const LAST_MS = 2_000

export interface ReporterSeams {
  readonly status: Status
  readonly clock: Clock
  readonly onAnswer: (answer: ReportAnswer) => void
  /** Once for each time that reports go unheard, not for each of them. */
  readonly warn: (sentence: string) => void
}

export class Reporter {
  readonly #service: Pick<Service, 'report'>
  readonly #seams: ReporterSeams
  readonly #off: () => void
  #heard: StatusFacts | undefined
  #backups: readonly BackupAnswer[] = []
  /** Monotonic times: of the last report that was sent, and since when there is something to say. */
  #sentMs = -Infinity
  #pendingSinceMs: number | undefined
  #backOff = new BackOff(RETRY_MS)
  #notBeforeMs = -Infinity
  #unheard = false
  #timer: { readonly dueMs: number; readonly pause: AbortController } | undefined
  #sending: AbortController | undefined
  #ended = false

  constructor(service: Pick<Service, 'report'>, seams: ReporterSeams) {
    this.#service = service
    this.#seams = seams
    this.#off = seams.status.onChange(() => {
      this.#consider()
    })
    this.#consider()
  }

  /** A request for a version was answered. */
  answered(answer: BackupAnswer): void {
    this.#backups = [...this.#backups, answer].slice(-MAX_BACKUPS)
    this.#consider()
  }

  /** Resolves when the last report was heard, or cannot be waited for any longer. */
  async end(): Promise<void> {
    this.#ended = true
    this.#off()
    this.#timer?.pause.abort()
    this.#sending?.abort()
    if (this.#urgency() !== 'none') await this.#send(AbortSignal.timeout(LAST_MS))
  }

  #urgency(): Urgency {
    return this.#backups.length > 0 ? 'news' : urgencyOf(this.#heard, this.#seams.status.facts)
  }

  /** Plans the next report, if there is something to say. One that is under way plans the one after it. */
  #consider(): void {
    if (this.#ended || this.#sending !== undefined) return
    const urgency = this.#urgency()
    if (urgency === 'none') return
    const nowMs = this.#seams.clock.monotonicMs()
    this.#pendingSinceMs ??= nowMs
    const wantedMs =
      urgency === 'news' ? this.#sentMs + NEWS_MS : this.#pendingSinceMs + PROGRESS_MS
    const dueMs = Math.max(nowMs, wantedMs, this.#notBeforeMs)
    if (this.#timer !== undefined && this.#timer.dueMs <= dueMs) return
    this.#timer?.pause.abort()
    const timer = { dueMs, pause: new AbortController() }
    this.#timer = timer
    void this.#sendAt(timer)
  }

  async #sendAt(timer: { readonly dueMs: number; readonly pause: AbortController }): Promise<void> {
    const { clock } = this.#seams
    await clock.sleep(Math.max(0, timer.dueMs - clock.monotonicMs()), timer.pause.signal)
    if (timer.pause.signal.aborted) return
    this.#timer = undefined
    // What there was to say may have passed.
    if (this.#urgency() === 'none') return void (this.#pendingSinceMs = undefined)
    const sending = new AbortController()
    this.#sending = sending
    await this.#send(sending.signal)
    this.#sending = undefined
    this.#consider()
  }

  async #send(signal: AbortSignal): Promise<void> {
    const { clock, status, onAnswer } = this.#seams
    const { facts } = status
    const backups = this.#backups
    this.#sentMs = clock.monotonicMs()
    this.#pendingSinceMs = undefined
    try {
      const answer = await this.#service.report(reportOf(facts, backups, this.#sentMs), signal)
      this.#heard = facts
      this.#backups = this.#backups.filter((one) => !backups.includes(one))
      this.#backOff = new BackOff(RETRY_MS)
      this.#unheard = false
      onAnswer(answer)
    } catch (error) {
      if (!(error instanceof ServiceError)) throw error
      if (!this.#unheard && !this.#ended)
        this.#seams.warn(`${error.message}: reports wait until it does`)
      this.#unheard = true
      this.#notBeforeMs = clock.monotonicMs() + this.#backOff.nextMs()
    }
  }
}

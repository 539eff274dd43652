/**
 * One writer's hand on the log: it knows the newest number and the main line's state, gives each record its number,
 * its id and the state after it, and plans again when somebody was faster.
 */
import { randomUUID } from 'node:crypto'
import type { Patience } from '../../shared/patience.ts'
import { untilReachable } from '../../shared/patience.ts'
import type { LogRecord, LogState, WriterPod } from '../../shared/repository/log-record.ts'
import { FORMAT } from '../../shared/repository/log-record.ts'
import type { UnstatedRecord } from '../../shared/repository/log-state.ts'
import { EMPTY_LOG, advance } from '../../shared/repository/log-state.ts'
import { encodeObject } from '../../shared/repository/object-file.ts'
import type { VersionLog } from '../../shared/repository/version-log.ts'
import { formatStreamName } from '../../shared/stream-name.ts'

/** Who writes. */
export interface WriterIdentity {
  /** New with every start of an agent. */
  readonly writer: string
  readonly pod: WriterPod
  /** The pod's terminationGracePeriodSeconds; 0 where none is known. */
  readonly graceSeconds: number
}

/** The log as it was read last: its newest number (0: none) and the main line's state after it. */
export interface LogView {
  readonly n: number
  readonly state: LogState
}

type Filled = 'format' | 'stream' | 'n' | 'id' | 'writer' | 'pod' | 'at' | 'log'
type KindOf<K extends LogRecord['kind']> = Omit<Extract<LogRecord, { kind: K }>, Filled>
/** A record's own part: the log writer fills in the rest. */
export type Draft = { [K in LogRecord['kind']]: KindOf<K> }[LogRecord['kind']]

export type Appended =
  | {
      readonly outcome: 'created'
      readonly n: number
      readonly record: LogRecord
      readonly view: LogView
      readonly body: Buffer
    }
  /** Another record has the number; `view` is the log with it. */
  | { readonly outcome: 'taken'; readonly view: LogView }
  /** The bytes that it refers to grew too old before it was known to be in the log. */
  | { readonly outcome: 'stale' }

export class LogWriter {
  readonly log: VersionLog
  readonly identity: WriterIdentity
  readonly #patience: Patience
  #view: LogView = { n: 0, state: EMPTY_LOG }

  constructor(log: VersionLog, identity: WriterIdentity, patience: Patience) {
    this.log = log
    this.identity = identity
    this.#patience = patience
  }

  get view(): LogView {
    return this.#view
  }

  /** Reads the newest record. Waits while the store is unreachable. */
  async look(): Promise<LogView> {
    const head = await untilReachable(() => this.log.head(), this.#patience)
    if (head !== undefined) this.#view = { n: head.record.n, state: head.record.log }
    return this.#view
  }

  /**
   * Tries the next number, once.
   * @param encode makes the object of the record; without it, the record is the object.
   * @param signUntilMs monotonic time after which the request must not be signed any more.
   */
  async tryAppend(
    draft: Draft,
    encode: (record: LogRecord) => Buffer = (record) => encodeObject([], record),
    signUntilMs = Infinity,
  ): Promise<Appended> {
    const n = this.#view.n + 1
    const unstated = this.#fill(draft, n)
    const state = advance(this.#view.state, unstated)
    const record: LogRecord = { ...unstated, log: state }
    const body = encode(record)
    const outcome = await this.log.create(n, record.id, body, signUntilMs)
    if (outcome === 'created') {
      this.#view = { n, state }
      return { outcome, n, record, view: this.#view, body }
    }
    if (outcome === 'stale') return { outcome }
    return { outcome, view: await this.#lookBeyond(n) }
  }

  /** Appends what `plan` makes of the log, planning again on each number that is taken. Undefined when it plans nothing. */
  async append(
    plan: (view: LogView) => Draft | undefined,
  ): Promise<(Appended & { outcome: 'created' }) | undefined> {
    for (let view = this.#view; ;) {
      const draft = plan(view)
      if (draft === undefined) return undefined
      const appended = await this.tryAppend(draft)
      if (appended.outcome === 'created') return appended
      view = this.#view
    }
  }

  /** Number `n` is known to be taken: a listing that lags behind is not asked again and again, what is above is read by its key. */
  async #lookBeyond(n: number): Promise<LogView> {
    await this.look()
    if (this.#view.n >= n) return this.#view
    const read = async (number: number) =>
      untilReachable(() => this.log.record(number), this.#patience)
    for (let found = await read(n); found !== undefined; found = await read(this.#view.n + 1))
      this.#view = { n: found.record.n, state: found.record.log }
    return this.#view
  }

  #fill(draft: Draft, n: number): UnstatedRecord {
    return {
      ...draft,
      // An `open` is its own open.
      open: draft.kind === 'open' ? n : draft.open,
      format: FORMAT,
      stream: formatStreamName(this.log.stream),
      n,
      id: randomUUID(),
      writer: this.identity.writer,
      pod: this.identity.pod,
      at: this.#patience.clock.now().toISOString(),
    }
  }
}

/** A foreign main `open` (or `restore`) above one's own means superseded; nothing else does. */
export function isSuperseded(state: LogState, writer: string, open: number): boolean {
  return state.owner !== null && state.owner.n > open && state.owner.writer !== writer
}

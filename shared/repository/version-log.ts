/**
 * The version log of one stream: numbered objects, each created once by a conditional PUT, which is the commit.
 * What is acknowledged is what is in S3: a PUT without an answer is repeated, same bytes, until its fate is known.
 */
import type { Clock } from '../clock.ts'
import type { BackOff } from '../back-off.ts'
import { createBackOff } from '../back-off.ts'
import { CorruptObjectError, NotFoundError } from '../errors.ts'
import type { ObjectStore } from '../object-store/object-store.ts'
import { UnreachableError } from '../object-store/object-store.ts'
import type { StreamName } from '../stream-name.ts'
import { formatStreamName } from '../stream-name.ts'
import type { LogRecord } from './log-record.ts'
import { parseLogRecord } from './log-record.ts'
import { numberOfVersionKey, versionKey, versionsPrefix } from './object-keys.ts'
import { decodeHeader, readHeader } from './object-file.ts'

/** A record with what only the server knows of it. */
export interface LoggedRecord {
  readonly record: LogRecord
  /** The server's time; where a time decides, it is this one. */
  readonly modifiedAt: Date
  readonly sizeBytes: number
}

/** A record's number, as a listing shows it. */
export interface LoggedNumber {
  readonly n: number
  readonly modifiedAt: Date
  readonly sizeBytes: number
}

export interface VersionLog {
  readonly stream: StreamName
  /** The newest record: one LIST of one key, one GET. Undefined for a stream without history. */
  head(): Promise<LoggedRecord | undefined>
  /** The record with this number; undefined when there is none (never written, or pruned). */
  record(n: number): Promise<LoggedRecord | undefined>
  /** Numbers below `below` (all if undefined), newest first, `limit` at most. */
  numbers(options?: { below?: number; limit?: number }): Promise<LoggedNumber[]>
  /**
   * Creates number `n` with this body. `created`: it is in the log, for good. `taken`: another body has
   * that number. `stale`: `signUntilMs` (monotonic) passed before its fate was known; it may be in the log all the same.
   * Repeats the same bytes for as long as the store is unreachable.
   */
  create(
    n: number,
    id: string,
    body: Buffer,
    signUntilMs?: number,
  ): Promise<'created' | 'taken' | 'stale'>
  /** Repeats a PUT that is known to have succeeded. False: the store overwrote it, so the log is no lock there. */
  isFenced(n: number, body: Buffer): Promise<boolean>
}

export function createVersionLog(
  store: ObjectStore,
  stream: StreamName,
  seams: { clock: Clock; backOff?: () => BackOff; onRetry?: (error: UnreachableError) => void },
): VersionLog {
  const { clock, backOff = createBackOff, onRetry } = seams
  const streamText = formatStreamName(stream)
  const key = (n: number) => versionKey(stream, n)

  async function record(n: number): Promise<LoggedRecord | undefined> {
    const found = await readHeader(store, key(n))
    if (found === undefined) return undefined
    const { header, modifiedAt, sizeBytes } = found
    return { record: parseLogRecord(key(n), header, streamText, n), modifiedAt, sizeBytes }
  }

  async function numbers(
    options: { below?: number; limit?: number } = {},
  ): Promise<LoggedNumber[]> {
    const { below, limit } = options
    const objects = await store.list(versionsPrefix(stream), {
      ...(below !== undefined && { after: key(below) }),
      ...(limit !== undefined && { limit }),
    })
    return objects.map(({ key: k, modifiedAt, sizeBytes }) => {
      const n = numberOfVersionKey(k)
      if (n === undefined) throw new CorruptObjectError(k, 'its key names no version of a log')
      return { n, modifiedAt, sizeBytes }
    })
  }

  async function head(): Promise<LoggedRecord | undefined> {
    for (;;) {
      const [newest] = await numbers({ limit: 1 })
      if (newest === undefined) return undefined
      const found = await record(newest.n)
      if (found !== undefined) return found // else it was pruned since it was listed
    }
  }

  /** Whose body has this number? Waits until the store says. */
  async function isOurs(n: number, id: string, wait: BackOff): Promise<boolean> {
    for (;;) {
      try {
        return (await record(n))?.record.id === id
      } catch (error) {
        if (!(error instanceof UnreachableError)) throw error
        onRetry?.(error)
        await clock.sleep(wait.next())
      }
    }
  }

  return {
    stream,
    head,
    record,
    numbers,
    async create(n, id, body, signUntilMs = Infinity) {
      const wait = backOff()
      for (;;) {
        if (clock.monotonicMs() > signUntilMs) return 'stale'
        try {
          if ((await store.create(key(n), body)) === 'created') return 'created'
          return (await isOurs(n, id, wait)) ? 'created' : 'taken'
        } catch (error) {
          if (!(error instanceof UnreachableError)) throw error
          onRetry?.(error)
          await clock.sleep(wait.next())
        }
      }
    },
    async isFenced(n, body) {
      return (await store.create(key(n), body)) === 'exists'
    },
  }
}

/** As `log.record`, but its absence is an error that names the stream and the newest versions that are there. */
export async function requireRecord(log: VersionLog, n: number): Promise<LoggedRecord> {
  const found = await log.record(n)
  if (found !== undefined) return found
  const newest = await log.numbers({ limit: 1 })
  const stream = formatStreamName(log.stream)
  throw new NotFoundError(
    newest[0] === undefined
      ? `stream ${stream} has no versions`
      : `stream ${stream} has no v${n}; the newest number is v${newest[0].n}: holdfast versions lists what is there`,
  )
}

/** Checks a whole version object, as `verify` reads it. Throws `CorruptObjectError`. */
export function recordOfObject(log: VersionLog, n: number, object: Buffer): LogRecord {
  const key = versionKey(log.stream, n)
  return parseLogRecord(key, decodeHeader(key, object), formatStreamName(log.stream), n)
}

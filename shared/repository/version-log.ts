/**
 * The version log of one stream: numbered objects, each created once by a conditional PUT, which is the commit.
 * What is acknowledged is what is in S3: a PUT without an answer is repeated, same bytes, until its fate is known.
 */
import { keyIdOfHeader } from '../encryption/sealed-header.ts'
import { StreamVaults } from '../encryption/stream-vaults.ts'
import { CorruptObjectError, NotFoundError } from '../errors.ts'
import type { ObjectStore } from '../object-store/object-store.ts'
import { UnreachableError } from '../object-store/object-store.ts'
import type { Patience } from '../patience.ts'
import { untilReachable } from '../patience.ts'
import type { StreamName } from '../stream-name.ts'
import { formatStreamName } from '../stream-name.ts'
import type { LogRecord } from './log-record.ts'
import { parseLogRecord } from './log-record.ts'
import { numberOfVersionKey, versionKey, versionsPrefix } from './object-keys.ts'
import { decodeHeader, readHeader } from './object-file.ts'

/** A newest record that is pruned between listing and reading is rare; one that goes on to be missing is the store's fault. */
const HEAD_LOOKS = 3

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

export class VersionLog {
  readonly stream: StreamName
  readonly vaults: StreamVaults
  readonly #store: ObjectStore
  readonly #patience: Patience

  /** @param vaults without them, sealed versions are not opened. */
  constructor(
    store: ObjectStore,
    stream: StreamName,
    patience: Patience,
    vaults = new StreamVaults(stream),
  ) {
    this.stream = stream
    this.vaults = vaults
    this.#store = store
    this.#patience = patience
  }

  /** The log of another slot of the same app; what is sealed there stays so. */
  ofSlot(slot: string): VersionLog {
    return new VersionLog(this.#store, { ...this.stream, slot }, this.#patience)
  }

  /**
   * The record with this number; undefined when there is none (never written, or pruned). No key is needed, since who
   * may write never depends on one: what is sealed in the header stays so.
   */
  async record(n: number): Promise<LoggedRecord | undefined> {
    return this.#read(n, (header) => Promise.resolve(header))
  }

  /** As `record`, with what is sealed in its header. Throws a `WrongKeyError` where the key is another one, or none is given. */
  async openedRecord(n: number): Promise<LoggedRecord | undefined> {
    return this.#read(n, (header, key) => this.openHeader(key, header))
  }

  /** The header of an object of this stream as it was before it was sealed; one in clear as it is. */
  async openHeader(key: string, header: unknown): Promise<unknown> {
    return (await this.vaults.reading(keyIdOfHeader(header))).openHeader(key, header)
  }

  async #read(
    n: number,
    open: (header: unknown, key: string) => Promise<unknown>,
  ): Promise<LoggedRecord | undefined> {
    const key = versionKey(this.stream, n)
    const found = await readHeader(this.#store, key)
    if (found === undefined) return undefined
    const { header, modifiedAt, sizeBytes } = found
    const opened = await open(header, key)
    const record = parseLogRecord(key, opened, formatStreamName(this.stream), n)
    return { record, modifiedAt, sizeBytes }
  }

  /**
   * The newest record: one LIST of one key, one GET. Undefined for a stream without history.
   * Throws an `UnreachableError` when the store goes on to list what it does not have.
   */
  async head(): Promise<LoggedRecord | undefined> {
    for (let looks = 1; ; looks += 1) {
      const [newest] = await this.numbers({ limit: 1 })
      if (newest === undefined) return undefined
      const found = await this.record(newest.n)
      if (found !== undefined) return found // else it was pruned since it was listed
      if (looks === HEAD_LOOKS)
        throw new UnreachableError(
          `the store lists v${newest.n} of stream ${formatStreamName(this.stream)} and does not have it; try again later`,
        )
    }
  }

  /** Numbers below `below` (all if undefined), newest first, `limit` at most. */
  async numbers(options: { below?: number; limit?: number } = {}): Promise<LoggedNumber[]> {
    const { below, limit } = options
    const objects = await this.#store.list(versionsPrefix(this.stream), {
      ...(below !== undefined && { after: versionKey(this.stream, below) }),
      ...(limit !== undefined && { limit }),
    })
    return objects.map(({ key, modifiedAt, sizeBytes }) => {
      const n = numberOfVersionKey(key)
      if (n === undefined) throw new CorruptObjectError(key, 'its key names no version of a log')
      return { n, modifiedAt, sizeBytes }
    })
  }

  /**
   * Creates number `n` with this body. `created`: it is in the log, for good. `taken`: another body has
   * that number. `stale`: `signUntilMs` (monotonic) passed before its fate was known; it may be in the log all the same.
   * Repeats the same bytes for as long as the store is unreachable.
   */
  async create(
    n: number,
    id: string,
    body: Buffer,
    signUntilMs = Infinity,
  ): Promise<'created' | 'taken' | 'stale'> {
    return untilReachable(async () => {
      if (this.#patience.clock.monotonicMs() > signUntilMs) return 'stale'
      const made = await this.#store.create(versionKey(this.stream, n), body)
      if (made === 'created') return 'created'
      return (await this.record(n))?.record.id === id ? 'created' : 'taken'
    }, this.#patience)
  }

  /** Repeats a PUT that is known to have succeeded. False: the store overwrote it, so the log is no lock there. */
  async isFenced(n: number, body: Buffer): Promise<boolean> {
    return (await this.#store.create(versionKey(this.stream, n), body)) === 'exists'
  }
}

/** As `log.record`, but its absence is an error that names the stream and the newest versions that are there. */
export async function requireRecord(log: VersionLog, n: number): Promise<LoggedRecord> {
  return (await log.record(n)) ?? refuseMissing(log, n)
}

/** As `log.openedRecord`, and absence is an error. */
export async function requireOpened(log: VersionLog, n: number): Promise<LoggedRecord> {
  return (await log.openedRecord(n)) ?? refuseMissing(log, n)
}

async function refuseMissing(log: VersionLog, n: number): Promise<never> {
  const newest = await log.numbers({ limit: 1 })
  const stream = formatStreamName(log.stream)
  throw new NotFoundError(
    newest[0] === undefined
      ? `stream ${stream} has no versions`
      : `stream ${stream} has no v${n}; the newest number is v${newest[0].n}: holdfast versions lists what is there`,
  )
}

/** Checks and opens a whole version object, as `verify` reads it. Throws `CorruptObjectError`, or `WrongKeyError`. */
export async function recordOfObject(
  log: VersionLog,
  n: number,
  object: Buffer,
): Promise<LogRecord> {
  const key = versionKey(log.stream, n)
  const header = await log.openHeader(key, decodeHeader(key, object))
  return parseLogRecord(key, header, formatStreamName(log.stream), n)
}

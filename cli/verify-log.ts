/** The records of a log, oldest first: each read, and the main line's state computed anew beside the one that it carries. */
import { isDeepStrictEqual } from 'node:util'
import { CorruptObjectError } from '../shared/errors.ts'
import type { StoredObject } from '../shared/object-store/object-store.ts'
import type { LogRecord, LogState } from '../shared/repository/log-record.ts'
import { EMPTY_LOG, advance } from '../shared/repository/log-state.ts'
import { versionKey } from '../shared/repository/object-keys.ts'
import type { LoggedNumber } from '../shared/repository/version-log.ts'
import { recordOfObject } from '../shared/repository/version-log.ts'
import { inOrder } from './in-order.ts'
import type { StreamInRepository } from './repository.ts'

export interface CheckedRecord {
  readonly n: number
  /** The whole object, where it was small enough to be read at once. */
  readonly object: StoredObject | undefined
  /** Undefined when the object is no record. */
  readonly record: LogRecord | undefined
  /** Why it is none. */
  readonly problem: string | undefined
}

export interface LogCheck {
  /** Without records that were removed since they were listed. */
  readonly records: AsyncGenerator<CheckedRecord>
  /** Filled while `records` is read: records that contradict the ones before them. */
  readonly problems: string[]
}

export interface LogCheckOptions {
  /** False where records between the numbers are left out. */
  readonly withStates: boolean
  /** Objects up to this size are read whole; of larger ones only the header. */
  readonly wholeUpToBytes: number
}

export function checkLog(
  from: StreamInRepository,
  numbers: readonly LoggedNumber[],
  options: LogCheckOptions,
): LogCheck {
  const problems: string[] = []
  return { problems, records: readRecords(from, numbers, options, problems) }
}

async function* readRecords(
  from: StreamInRepository,
  numbers: readonly LoggedNumber[],
  { withStates, wholeUpToBytes }: LogCheckOptions,
  problems: string[],
): AsyncGenerator<CheckedRecord> {
  let last: { n: number; state: LogState } | undefined = { n: 0, state: EMPTY_LOG }
  const read = (number: LoggedNumber) => readRecord(from, number, wholeUpToBytes)
  for await (const checked of inOrder(numbers.toReversed(), read)) {
    if (checked === undefined) continue
    const { n, record } = checked
    // Where the record before was pruned, or is damaged, there is nothing to compute from.
    if (withStates && record !== undefined && last?.n === n - 1) {
      const expected = advance(last.state, record)
      if (!isDeepStrictEqual(expected, record.log))
        problems.push(`v${n} carries a state of the main line that does not follow from v${last.n}`)
    }
    last = record === undefined ? undefined : { n, state: record.log }
    yield checked
  }
}

async function readRecord(
  { store, log }: StreamInRepository,
  { n, sizeBytes }: LoggedNumber,
  wholeUpToBytes: number,
): Promise<CheckedRecord | undefined> {
  let object: StoredObject | undefined
  try {
    if (sizeBytes > wholeUpToBytes) {
      const found = await log.openedRecord(n)
      return found && { n, object: undefined, record: found.record, problem: undefined }
    }
    object = await store.get(versionKey(log.stream, n))
    if (object === undefined) return undefined
    return { n, object, record: await recordOfObject(log, n, object.body), problem: undefined }
  } catch (error) {
    if (!(error instanceof CorruptObjectError)) throw error
    return { n, object, record: undefined, problem: error.message }
  }
}

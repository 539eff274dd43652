/** The records of a log, oldest first: each whole object read, and the main line's state computed anew beside the one that it carries. */
import { isDeepStrictEqual } from 'node:util'
import { CorruptObjectError } from '../shared/errors.ts'
import type { LogRecord, LogState } from '../shared/repository/log-record.ts'
import { EMPTY_LOG, advance } from '../shared/repository/log-state.ts'
import { versionKey } from '../shared/repository/object-keys.ts'
import type { LoggedNumber } from '../shared/repository/version-log.ts'
import { recordOfObject } from '../shared/repository/version-log.ts'
import { inOrder } from './in-order.ts'
import type { StreamInRepository } from './repository.ts'

export interface CheckedObject {
  readonly n: number
  readonly object: Buffer
  /** Undefined when the object is no record. */
  readonly record: LogRecord | undefined
  /** Why it is none. */
  readonly problem: string | undefined
}

export interface LogCheck {
  readonly objects: AsyncGenerator<CheckedObject>
  /** Filled while `objects` is read: records that contradict the ones before them. */
  readonly problems: string[]
}

/** @param withStates false where records between the numbers are left out. */
export function checkLog(
  from: StreamInRepository,
  numbers: readonly LoggedNumber[],
  withStates: boolean,
): LogCheck {
  const problems: string[] = []
  return { problems, objects: readObjects(from, numbers, withStates ? problems : undefined) }
}

async function* readObjects(
  from: StreamInRepository,
  numbers: readonly LoggedNumber[],
  problems: string[] | undefined,
): AsyncGenerator<CheckedObject> {
  let last: { n: number; state: LogState } | undefined = { n: 0, state: EMPTY_LOG }
  for await (const checked of inOrder(numbers.toReversed(), ({ n }) => readObject(from, n))) {
    const { n, record } = checked
    // Where the record before was pruned, or is damaged, there is nothing to compute from.
    if (record !== undefined && last?.n === n - 1) {
      const expected = advance(last.state, record)
      if (!isDeepStrictEqual(expected, record.log))
        problems?.push(
          `v${n} carries a state of the main line that does not follow from v${last.n}`,
        )
    }
    last = record === undefined ? undefined : { n, state: record.log }
    yield checked
  }
}

async function readObject({ store, log }: StreamInRepository, n: number): Promise<CheckedObject> {
  const key = versionKey(log.stream, n)
  const object = (await store.get(key))?.body
  if (object === undefined)
    return { n, object: Buffer.alloc(0), record: undefined, problem: `object ${key} has gone` }
  try {
    return { n, object, record: recordOfObject(log, n, object), problem: undefined }
  } catch (error) {
    if (!(error instanceof CorruptObjectError)) throw error
    return { n, object, record: undefined, problem: error.message }
  }
}

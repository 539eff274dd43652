/** Where prune may be killed, and what a test turns: steps, the length of a day, the server's clock. */
import { randomBytes } from 'node:crypto'
import type { ObjectStore } from '../shared/object-store/object-store.ts'
import { FORMAT } from '../shared/repository/log-record.ts'
import { encodeObject } from '../shared/repository/object-file.ts'
import { clockPrefix } from '../shared/repository/object-keys.ts'
import { DAY_MS } from '../shared/retention/keep-policy.ts'
import type { StreamName } from '../shared/stream-name.ts'
import { formatStreamName } from '../shared/stream-name.ts'

/** Every step of prune and compaction between which a crash must cost nothing that is kept. */
export const PRUNE_STEPS = [
  'time asked',
  'time told',
  'surveyed',
  'recorded',
  'version removed',
  'object removed',
  'frames copied',
  'move recorded',
  'moved pack removed',
  'old record removed',
] as const
export type PruneStepName = (typeof PRUNE_STEPS)[number]

export interface PruneSeams {
  /** In production it does nothing; the crash tests end the process there. */
  readonly step: (name: PruneStepName) => Promise<void> | void
  /** How long a plan stands, and how old uploads are that nothing will ever refer to. */
  readonly dayMs: number
  readonly serverTime: (
    store: ObjectStore,
    stream: StreamName,
    step: PruneSeams['step'],
  ) => Promise<Date>
}

export const PRODUCTION: PruneSeams = {
  step: () => undefined,
  dayMs: DAY_MS,
  serverTime: askServerTime,
}

/**
 * The time at which the server says that an object was made just now. It needs the rights to create and to remove,
 * so one that is missing shows before anything is decided.
 */
async function askServerTime(
  store: ObjectStore,
  stream: StreamName,
  step: PruneSeams['step'],
): Promise<Date> {
  const key = clockPrefix(stream) + randomBytes(16).toString('hex')
  const header = { format: FORMAT, kind: 'clock', stream: formatStreamName(stream) }
  await store.create(key, encodeObject([], header))
  await step('time asked')
  // Another prune may have swept it: the next one is its own again.
  const made = await store.get(key, { lastBytes: 1 })
  if (made === undefined) return askServerTime(store, stream, step)
  await store.delete(key)
  await step('time told')
  return made.modifiedAt
}

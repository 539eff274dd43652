/** The numbers of a stream's log, and what lies among them that is none. */
import type { ObjectStore } from '../shared/object-store/object-store.ts'
import { numberOfVersionKey, versionsPrefix } from '../shared/repository/object-keys.ts'
import type { LoggedNumber } from '../shared/repository/version-log.ts'
import type { StreamName } from '../shared/stream-name.ts'

export interface LogListing {
  /** Newest first. */
  readonly numbers: readonly LoggedNumber[]
  /** Keys that name no number. */
  readonly strays: readonly string[]
}

export async function listLog(store: ObjectStore, stream: StreamName): Promise<LogListing> {
  const numbers: LoggedNumber[] = []
  const strays: string[] = []
  for (const { key, modifiedAt, sizeBytes } of await store.list(versionsPrefix(stream))) {
    const n = numberOfVersionKey(key)
    if (n === undefined) strays.push(key)
    else numbers.push({ n, modifiedAt, sizeBytes })
  }
  return { numbers, strays }
}

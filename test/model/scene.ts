/** What stays as it is for a whole history. */
import type { Context } from '../../agent/session/context.ts'

/** Where pods keep their state. */
export type StorageKind = 'one PVC' | 'emptyDir' | 'two PVCs in turn' | 'PVC and emptyDir'

export interface Scene {
  readonly kind: StorageKind
  /** The workload never runs two pods at once. */
  readonly exclusive: boolean
  readonly whenEmpty: Context['whenEmpty']
  readonly reliableHints: boolean
  /** The wall clock stands still, so that no file's time ever proves that it is unchanged. */
  readonly doubtful: boolean
  /** False: the store overwrites what is there, as some do in versioned buckets. */
  readonly conditional?: boolean
  /** A test may put a weaker part in the place of a real one. */
  readonly adjust?: (context: Context) => Context
}

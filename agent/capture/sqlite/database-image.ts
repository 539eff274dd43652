import type { DatabasePosition } from './position.ts'

/** A database as it is at one moment. */
export interface DatabaseSnapshot {
  readonly pageBytes: number
  readonly sizeBytes: number
  /** Where it stands, for `changedSince` of a later one. */
  readonly position: DatabasePosition
  /** Numbers, from 0 and sorted, of the pages that may differ from the snapshot at `since`; 'all' if that is not known. */
  changedSince(since: DatabasePosition | undefined): readonly number[] | 'all'
  /** Fills `into` with the bytes from `position` on, all of them within `sizeBytes`. */
  read(into: Buffer, position: number): void
}

/** A snapshot of files that a read transaction keeps still. */
export interface DatabaseImage extends DatabaseSnapshot {
  /** Nobody has written over what it consists of, as far as can be seen. */
  isStill(): boolean
}

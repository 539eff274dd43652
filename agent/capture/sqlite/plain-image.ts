/** A database with a rollback journal: the database file, into which nobody writes while we hold a read transaction. */
import { fileState, identity, readHeader, readPadded } from './database-file.ts'
import type { DatabaseImage } from './database-image.ts'
import type { DatabasePosition } from './position.ts'
import { changedPages } from './position.ts'

/** @param provesSinceNs a file with a ctime after this may change without bearing another time. */
export function plainImage(database: number, provesSinceNs: bigint): DatabaseImage {
  const file = fileState(database)
  const { sizeBytes } = file
  const { pageBytes } = readHeader(database)
  const position: DatabasePosition = {
    ...identity(database),
    pageBytes,
    sizeBytes,
    ...(BigInt(file.ctimeNs) <= provesSinceNs && { file }),
  }
  const evidence = {
    file,
    overlay: [],
    markOf: () => ({ salts: '', checksum: '' }),
    following: () => [],
  }
  return {
    pageBytes,
    sizeBytes,
    position,
    changedSince: (since) => changedPages(since, position, evidence),
    read: (into, at) => readPadded(database, into, at),
    isStill: () => {
      const now = fileState(database)
      return now.changeCounter === file.changeCounter && now.sizeBytes === sizeBytes
    },
  }
}

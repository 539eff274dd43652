import { HoldfastError } from '../../../shared/errors.ts'

/** A database that cannot be read as one now; what was last captured of it is carried on. */
export class DatabaseUnreadableError extends HoldfastError {}

/** What is there is no database that SQLite reads: it is a file like any other. */
export class NotADatabaseError extends HoldfastError {}

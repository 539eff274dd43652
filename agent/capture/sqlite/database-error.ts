import { HoldfastError } from '../../../shared/errors.ts'

/** A database that cannot be read as one now; what was last captured of it is carried on. */
export class DatabaseUnreadableError extends HoldfastError {}

/** SQLite cannot open it here: it may not write beside it, or lacks what its log needs. */
export class DatabaseUnopenableError extends DatabaseUnreadableError {}

/** What is there is no database that SQLite reads (encrypted, broken, something else): it is a file like any other. */
export class NotADatabaseError extends HoldfastError {}

import { DatabaseUnreadableError, NotADatabaseError } from './sqlite/database-error.ts'

/** Why a file could not be read. Throws what is no matter of the file: the store's errors come through here, too. */
export function whyUnreadable(error: unknown): string {
  if (error instanceof DatabaseUnreadableError || error instanceof NotADatabaseError)
    return error.message
  if (error instanceof Error && 'syscall' in error && 'code' in error) return String(error.code)
  throw error
}

import type { DatabaseSync } from 'node:sqlite'

/** Kept in SQLite's user_version, so that the migration runs once for a database. */
const SCHEMA_OF_1_5 = 15

/**
 * What release 1.5 does at its first start, and the reason for the rollback in the demo. Its author took the totals
 * for hundredths of a cent, and the quantity for a column that nobody reads any more. No error, no log line: the
 * shop goes on serving, with wrong numbers.
 */
export function migrateTo15(database: DatabaseSync): void {
  const row = database.prepare('PRAGMA user_version').get()
  if (Number(row?.['user_version']) >= SCHEMA_OF_1_5) return
  database.exec(`
    BEGIN IMMEDIATE;
    UPDATE orders SET total_cents = total_cents / 100, quantity = 1;
    PRAGMA user_version = ${SCHEMA_OF_1_5};
    COMMIT`)
}

/** How large everything is: as the figures are published, and small, to see in minutes that all of it works. */

export interface Sizes {
  readonly realFiles: number
  /** Bytes of the real files together, as near as their choice comes. */
  readonly realBytes: number
  readonly fewFiles: number
  readonly databaseBytes: number
  readonly incompressibleBytes: number
  /** Two trees of tiny files: what memory costs per file shows between them. */
  readonly tinyFiles: number
  readonly manyTinyFiles: number
  /** Directories of the tree over which an agent rests. */
  readonly directories: number
  readonly restMs: number
  readonly changedRows: number
  readonly burstFiles: number
  readonly admissions: number
}

export const FULL: Sizes = {
  realFiles: 50_000,
  realBytes: 400 * 2 ** 20,
  fewFiles: 500,
  databaseBytes: 924_000_000,
  incompressibleBytes: 2 ** 30,
  tinyFiles: 50_000,
  manyTinyFiles: 500_000,
  directories: 11_000,
  restMs: 60_000,
  changedRows: 100,
  burstFiles: 1000,
  admissions: 4000,
}

export const SMALL: Sizes = {
  realFiles: 2000,
  realBytes: 16 * 2 ** 20,
  fewFiles: 100,
  databaseBytes: 20_000_000,
  incompressibleBytes: 48 * 2 ** 20,
  tinyFiles: 2000,
  manyTinyFiles: 10_000,
  directories: 400,
  restMs: 5000,
  changedRows: 100,
  burstFiles: 200,
  admissions: 400,
}

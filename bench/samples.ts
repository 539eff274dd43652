/** What was measured, one number at a time. */

export type Side = 'holdfast' | 'restic'

/** By its unit a value is printed. Ratios to restic are below 1 where Holdfast is better. */
export type Unit = 'ms' | 'bytes' | 'count' | 'percent'

export interface Sample {
  /** What was done, e.g. `many files: first backup`. */
  readonly work: string
  /** Where the repository lies; empty where none takes part. */
  readonly store: string
  /** `wall`, `CPU`, `peak RSS`, `stored`, `requests`, … */
  readonly measure: string
  readonly unit: Unit
  readonly side: Side
  readonly round: number
  readonly value: number
}

/** Rows appear in the order in which their first samples came. */
export class Samples {
  readonly all: Sample[] = []

  add(sample: Sample): void {
    this.all.push(sample)
  }
}

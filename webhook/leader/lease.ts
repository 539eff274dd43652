/** The Lease by which one replica leads: a record that all of them read, and change only as they read it. */
export interface Lease {
  /** Null: nobody leads, and it need not be waited for. */
  readonly holder: string | null
  /** How long others wait, from when they saw it change, before it counts as left behind. */
  readonly durationSeconds: number
  /** RFC 3339 with microseconds; for people only: clocks differ. */
  readonly acquiredAt: string
  readonly renewedAt: string
  /** How often another became the holder. */
  readonly transitions: number
  /** How far its holders have watched the cluster's pods (a resourceVersion); whoever leads next goes on from there. */
  readonly watchedTo: string | null
}

export interface StoredLease extends Lease {
  /** Another with each change. */
  readonly resourceVersion: string
}

/** Writes throw `ConflictError` where somebody else wrote first; all throw what the API server throws. */
export interface LeaseStore {
  /** Undefined: there is none yet. */
  read(signal: AbortSignal): Promise<StoredLease | undefined>
  create(lease: Lease, signal: AbortSignal): Promise<StoredLease>
  /** Only over the very version that was read. */
  replace(read: StoredLease, lease: Lease, signal: AbortSignal): Promise<StoredLease>
}

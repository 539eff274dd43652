import type { Run } from '../measure/processes.ts'
import type { Side } from '../samples.ts'
import type { Place } from '../stores/place.ts'

/** The same work, as each side does it. */
export interface BackupProgram {
  readonly side: Side
  /** Makes the repository ready for the first backup; not measured. */
  prepare(place: Place): Promise<void>
  backup(place: Place, folder: string): Promise<Run>
  /** Makes `target` hold what was last backed up of `folder`. */
  restore(place: Place, folder: string, target: string): Promise<Run>
}

/** `holdfast replicate`: a directory outside of any pod is the user's word for what the state is; nothing in it is changed. */
import { replicateContinuously } from './replicate-continuously.ts'
import { replicateOnce } from './replicate-once.ts'
import type { ReplicateOptions } from './replicate-options.ts'
import { refuseOverlaps, resolvePaths } from './source-paths.ts'
import type { Surroundings } from './surroundings.ts'

export async function replicate(
  options: ReplicateOptions,
  surroundings: Surroundings,
): Promise<number> {
  const path = resolvePaths(options.path)
  refuseOverlaps(path, options.store)
  const run = options.once ? replicateOnce : replicateContinuously
  return run({ ...options, path }, surroundings)
}

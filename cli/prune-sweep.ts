/**
 * Carries out what the newest prune record says, which is all that is ever deleted. The order:
 *
 *   versions, newest first   whoever still stands has its bytes, and all that it is told against; fences and what other
 *                            versions need stay
 *   packs and moves          no version refers to them any more
 *   compaction               a copy and the word where it is come first, the old pack goes last
 *   older prune records      only the newest one counts
 *
 * Whatever a crash leaves is named by that record still, or is an upload that nothing refers to.
 */
import { CorruptObjectError } from '../shared/errors.ts'
import {
  clockPrefix,
  numberOfPruneKey,
  packKey,
  prunePrefix,
  streamPrefix,
  versionKey,
} from '../shared/repository/object-keys.ts'
import type { FrameSet } from '../shared/retention/live-frames.ts'
import type { ObjectPlan } from '../shared/retention/object-plan.ts'
import { compactPack } from './prune-compact.ts'
import type { PruneSeams } from './prune-steps.ts'
import type { OnProgress } from './prune-survey.ts'
import type { StreamInRepository } from './repository.ts'

export interface Sweep {
  /** Version objects to be deleted, in any order. */
  readonly versions: readonly number[]
  readonly objects: ObjectPlan
  /** Needed frames by pack. */
  readonly packs: FrameSet
  /** The prune record that counts; 0: there is none. */
  readonly k: number
}

export interface Swept {
  readonly versions: number
  readonly objects: number
  readonly compacted: number
  /** Why packs could not be compacted. */
  readonly problems: readonly string[]
}

export async function sweep(
  from: StreamInRepository,
  { versions, objects, packs, k }: Sweep,
  { step }: Pick<PruneSeams, 'step'>,
  say: OnProgress,
): Promise<Swept> {
  const { store, log } = from
  let removed = 0
  for (const n of versions.toSorted((a, b) => b - a)) {
    await store.delete(versionKey(log.stream, n))
    say(`removing: ${(removed += 1)} of ${versions.length} versions`)
    await step('version removed')
  }
  const prefix = streamPrefix(log.stream)
  for (const key of objects.gone) {
    await store.delete(prefix + key)
    await step('object removed')
  }
  for (const name of objects.moved) {
    await store.delete(packKey(log.stream, name))
    await step('moved pack removed')
  }
  const { compacted, problems } = await compact(from, objects.compacted, packs, step, say)
  await removeOldRecords(from, k, step)
  return { versions: removed, objects: objects.gone.length, compacted, problems }
}

/** A pack that cannot be read is left as it is: `verify` tells what is lost in it. */
async function compact(
  from: StreamInRepository,
  names: readonly string[],
  packs: FrameSet,
  step: PruneSeams['step'],
  say: OnProgress,
): Promise<{ compacted: number; problems: string[] }> {
  const problems: string[] = []
  let compacted = 0
  for (const [i, name] of names.entries()) {
    say(`compacting: ${i} of ${names.length} packs`)
    try {
      const bytes = await compactPack(from, name, packs.get(name) ?? new Map(), step)
      if (bytes !== undefined) compacted += 1
    } catch (error) {
      if (!(error instanceof CorruptObjectError)) throw error
      problems.push(error.message)
    }
  }
  return { compacted, problems }
}

/** And questions for the time that a crash left. */
async function removeOldRecords(
  { store, log }: StreamInRepository,
  k: number,
  step: PruneSeams['step'],
): Promise<void> {
  for (const { key } of await store.list(prunePrefix(log.stream))) {
    if ((numberOfPruneKey(key) ?? Infinity) >= k) continue
    await store.delete(key)
    await step('old record removed')
  }
  for (const { key } of await store.list(clockPrefix(log.stream))) await store.delete(key)
}

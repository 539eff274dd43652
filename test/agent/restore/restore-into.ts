/** A version, as a volume holds it, brought into another volume. */
import { inspect } from '../../../agent/restore/present.ts'
import { ChunkSource } from '../../../agent/restore/chunk-source.ts'
import { ObjectReader } from '../../../agent/restore/object-reader.ts'
import type { RestorePlan } from '../../../agent/restore/restore-plan.ts'
import { planRestore } from '../../../agent/restore/restore-plan.ts'
import type { RestoreResult } from '../../../agent/restore/restorer.ts'
import { runRestore } from '../../../agent/restore/restorer.ts'
import { tableOf } from '../../../shared/repository/entry-table.ts'
import type { Manifest } from '../../../shared/repository/manifest.ts'
import { patience } from '../../shared/repository/memory-store.ts'
import type { TempVolume } from '../capture/temp-volume.ts'
import { STREAM, laterClock } from '../capture/temp-volume.ts'

export async function plan(manifest: Manifest, to: TempVolume): Promise<RestorePlan> {
  const target = tableOf(manifest.entries)
  const options = {
    scannedAt: laterClock.now(),
    touches: () => true,
    clock: laterClock,
    vault: to.vault,
  }
  return planRestore(target, manifest.faults, await inspect(to.layout, target, options))
}

/** @param afterPlan what happens between planning and writing. */
export async function restore(
  from: TempVolume,
  to: TempVolume,
  afterPlan: (plan: RestorePlan) => void = () => undefined,
  manifest = from.manifest(),
): Promise<RestoreResult & { plan: RestorePlan; fetchedBytes: number }> {
  const planned = await plan(manifest, to)
  afterPlan(planned)
  const reader = new ObjectReader(from.store, STREAM, patience())
  const source = new ChunkSource(reader, from.vault)
  const result = await runRestore(to.layout, planned, source)
  return { ...result, plan: planned, fetchedBytes: reader.fetchedBytes }
}

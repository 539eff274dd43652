/** A version into directories outside of any pod: no marks, no log; what is there is compared, and only what differs is fetched. */
import type { Clock } from '../../shared/clock.ts'
import type { Vault } from '../../shared/encryption/vault.ts'
import { HoldfastError } from '../../shared/errors.ts'
import type { ObjectStore } from '../../shared/object-store/object-store.ts'
import type { Patience } from '../../shared/patience.ts'
import { tableOf } from '../../shared/repository/entry-table.ts'
import type { Manifest } from '../../shared/repository/manifest.ts'
import type { StreamName } from '../../shared/stream-name.ts'
import type { AttributeTools } from '../volume/attribute-tools.ts'
import type { Layout } from '../volume/layout.ts'
import { displayPath } from '../volume/layout.ts'
import { ChunkSource } from './chunk-source.ts'
import { ObjectReader } from './object-reader.ts'
import { inspect } from './present.ts'
import type { RestorePlan } from './restore-plan.ts'
import { planRestore } from './restore-plan.ts'
import type { RestoreProgress } from './progress.ts'
import type { RestoreResult } from './restorer.ts'
import { runRestore } from './restorer.ts'
import { requireSpace } from './space.ts'

/**
 * What has to be done so that the layout's directories hold exactly this manifest, whose scan began at `scannedAt`.
 * Changes nothing.
 * Throws a `HoldfastError` for what cannot be looked at, `NoSpaceError` when there is no room.
 */
export async function planInto(
  layout: Layout,
  manifest: Manifest,
  scannedAt: Date,
  clock: Clock,
  vault: Vault,
  tools: AttributeTools,
): Promise<RestorePlan> {
  const target = tableOf(manifest.entries)
  const present = await inspect(layout, target, {
    scannedAt,
    touches: () => true,
    clock,
    vault,
    tools,
  })
  const [first] = present.findings.unreadable
  if (first !== undefined)
    throw new HoldfastError(
      `${displayPath(
        layout.roots.map(({ at }) => ({ path: at })),
        first.name,
      )} cannot be read (${first.why}), so it cannot be compared with the version: restore as a user who may, or into another directory`,
    )
  const plan = planRestore(target, manifest.faults, present)
  requireSpace(layout, plan)
  return plan
}

/** Runs the plan; all of it is durable when this resolves. Files whose bytes are damaged are listed, everything else is restored. */
export async function runInto(
  layout: Layout,
  plan: RestorePlan,
  from: {
    store: ObjectStore
    stream: StreamName
    patience: Patience
    vault: Vault
    tools: AttributeTools
  },
  onProgress: (progress: RestoreProgress) => void,
): Promise<RestoreResult & { fetchedBytes: number }> {
  const reader = new ObjectReader(from.store, from.stream, from.patience)
  const source = new ChunkSource(reader, from.vault)
  const result = await runRestore(layout, plan, source, onProgress, from.tools)
  return { ...result, fetchedBytes: reader.fetchedBytes }
}

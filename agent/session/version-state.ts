/** A version as this declaration sees it: its entries under the paths declared now. */
import type { ObjectStore } from '../../shared/object-store/object-store.ts'
import type { Patience } from '../../shared/patience.ts'
import { untilReachable } from '../../shared/patience.ts'
import { DeltaChain } from '../../shared/repository/delta-chain.ts'
import type { VersionRecord } from '../../shared/repository/log-record.ts'
import type { Manifest } from '../../shared/repository/manifest.ts'
import { EMPTY_MANIFEST } from '../../shared/repository/manifest.ts'
import { loadManifest, requireVersion } from '../../shared/repository/version-object.ts'
import type { VersionLog } from '../../shared/repository/version-log.ts'
import { knownRoots, remapRoots, sameRoots } from '../capture/remap-roots.ts'

export interface VersionState {
  /** 0: nothing. */
  readonly version: number
  readonly manifest: Manifest
  /** Undefined for "nothing". */
  readonly record: VersionRecord | undefined
  /** Indexes of the declared paths that it knows; what lies under others is not its business. */
  readonly roots: ReadonlySet<number>
}

export async function loadVersionState(
  from: { store: ObjectStore; log: VersionLog; patience: Patience },
  version: number,
  roots: readonly { readonly path: string }[],
): Promise<VersionState> {
  const all = new Set(roots.keys())
  if (version === 0) return { version, manifest: EMPTY_MANIFEST, record: undefined, roots: all }
  return untilReachable(async () => {
    const record = await requireVersion(from.log, version)
    const manifest = await loadManifest(from.store, from.log, version)
    return {
      version,
      record,
      manifest: remapRoots(manifest, record.roots, roots),
      roots: knownRoots(record.roots, roots),
    }
  }, from.patience)
}

/** A chain on which the next commit may tell only its changes; a fresh one where the declared paths are others now. */
export function chainOf(
  state: VersionState,
  roots: readonly { readonly path: string }[],
): DeltaChain {
  const { record } = state
  if (record === undefined || !sameRoots(record.roots, roots)) return new DeltaChain()
  return new DeltaChain({ n: record.n, depth: record.manifest.depth })
}

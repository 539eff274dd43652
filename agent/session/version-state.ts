/** A version as this declaration sees it: its entries under the paths declared now. */
import type { Vault } from '../../shared/encryption/vault.ts'
import { PLAIN_VAULT } from '../../shared/encryption/vault.ts'
import type { ObjectStore } from '../../shared/object-store/object-store.ts'
import type { Patience } from '../../shared/patience.ts'
import { untilReachable } from '../../shared/patience.ts'
import { DeltaChain } from '../../shared/repository/delta-chain.ts'
import type { VersionRecord } from '../../shared/repository/log-record.ts'
import type { Manifest } from '../../shared/repository/manifest.ts'
import { EMPTY_MANIFEST } from '../../shared/repository/manifest.ts'
import { loadManifest, openVersion } from '../../shared/repository/version-object.ts'
import type { VersionLog } from '../../shared/repository/version-log.ts'
import type { FetchForeign } from '../capture/held-version.ts'
import { knownRoots, remapRoots, sameRoots } from '../capture/remap-roots.ts'
import { ChunkSource } from '../restore/chunk-source.ts'

export interface VersionState {
  /** 0: nothing. */
  readonly version: number
  readonly manifest: Manifest
  /** Undefined for "nothing". */
  readonly record: VersionRecord | undefined
  /** Opens it, and names its chunks. */
  readonly vault: Vault
  /** Indexes of the declared paths that it knows; what lies under others is not its business. */
  readonly roots: ReadonlySet<number>
}

export async function loadVersionState(
  from: { store: ObjectStore; log: VersionLog; patience: Patience },
  version: number,
  roots: readonly { readonly path: string }[],
): Promise<VersionState> {
  const all = new Set(roots.keys())
  if (version === 0)
    return {
      version,
      manifest: EMPTY_MANIFEST,
      record: undefined,
      vault: PLAIN_VAULT,
      roots: all,
    }
  return untilReachable(async () => {
    const record = await openVersion(from.log, version)
    const manifest = await loadManifest(from.store, from.log, version)
    return {
      version,
      record,
      vault: await from.log.vaults.reading(record.key),
      manifest: remapRoots(manifest, record.roots, roots),
      roots: knownRoots(record.roots, roots),
    }
  }, from.patience)
}

/** Brings bytes of a version that nothing sealed with `writing` may refer to; undefined: it may. */
export function foreignBytes(
  from: { store: ObjectStore; log: VersionLog; patience: Patience },
  { version, vault }: VersionState,
  writing: Vault,
): FetchForeign | undefined {
  if (version === 0 || vault.keyId === writing.keyId) return undefined
  const source = new ChunkSource(from.store, from.log.stream, [], from.patience, vault)
  return (chunk) => source.read(chunk)
}

/**
 * A chain on which the next commit may tell only its changes; a fresh one where the declared paths are others now, or
 * what it seals with.
 */
export function chainOf(
  state: VersionState,
  roots: readonly { readonly path: string }[],
  writing: Vault,
): DeltaChain {
  const { record, vault } = state
  const isForeign = vault.keyId !== writing.keyId
  if (record === undefined || isForeign || !sameRoots(record.roots, roots)) return new DeltaChain()
  return new DeltaChain({ n: record.n, depth: record.manifest.depth })
}

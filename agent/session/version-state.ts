/** A version as this declaration sees it: its entries under the paths declared now. */
import type { Vault } from '../../shared/encryption/vault.ts'
import { PLAIN_VAULT } from '../../shared/encryption/vault.ts'
import type { ObjectStore } from '../../shared/object-store/object-store.ts'
import type { Patience } from '../../shared/patience.ts'
import { untilReachable } from '../../shared/patience.ts'
import { CorruptObjectError, NotFoundError } from '../../shared/errors.ts'
import type { HoldfastError } from '../../shared/errors.ts'
import type { Damage } from '../../shared/repository/damage.ts'
import { readDamage, versionsWithoutManifest } from '../../shared/repository/damage.ts'
import { DeltaChain } from '../../shared/repository/delta-chain.ts'
import type { VersionRecord } from '../../shared/repository/log-record.ts'
import type { Manifest } from '../../shared/repository/manifest.ts'
import { EMPTY_MANIFEST } from '../../shared/repository/manifest.ts'
import {
  loadManifest,
  openVersion,
  requireVersion,
} from '../../shared/repository/version-object.ts'
import type { VersionLog } from '../../shared/repository/version-log.ts'
import type { FetchForeign } from '../capture/held-version.ts'
import { knownRoots, remapRoots, sameRoots } from '../capture/remap-roots.ts'
import { ChunkSource } from '../restore/chunk-source.ts'
import { ObjectReader } from '../restore/object-reader.ts'

export interface RepositoryPart {
  readonly store: ObjectStore
  readonly log: VersionLog
  readonly patience: Patience
}

export interface VersionState {
  /** 0: nothing. */
  readonly version: number
  readonly manifest: Manifest
  /** Undefined for "nothing". */
  readonly record: VersionRecord | undefined
  /** Opens it, and names its chunks. */
  readonly vault: Vault
  /** What verify has found to be lost, anywhere in the stream. */
  readonly damage: Damage
  /** A manifest is lost that its own is told against, or its own. */
  readonly chainDamaged: boolean
  /** Why nothing of it can be read; empty: all can. */
  readonly unreadable: string
  /** Indexes of the declared paths that it knows; what lies under others is not its business. */
  readonly roots: ReadonlySet<number>
}

export async function loadVersionState(
  from: RepositoryPart,
  version: number,
  roots: readonly { readonly path: string }[],
): Promise<VersionState> {
  if (version === 0) return nothing(roots)
  return untilReachable(async () => {
    const record = await openVersion(from.log, version)
    const manifest = await loadManifest(from.store, from.log, version)
    const damage = await readDamage(from.store, from.log.stream)
    return {
      version,
      record,
      vault: await from.log.vaults.reading(record.key),
      manifest: remapRoots(manifest, record.roots, roots),
      damage,
      chainDamaged: await isChainDamaged(from.log, version, damage),
      unreadable: '',
      roots: knownRoots(record.roots, roots),
    }
  }, from.patience)
}

/**
 * As `loadVersionState`, of a version that is to be continued, and not restored: where it is damaged, it is as if it held
 * nothing, so that the next one is told against nothing and has all bytes anew.
 */
export async function loadContinued(
  from: RepositoryPart,
  version: number,
  roots: readonly { readonly path: string }[],
): Promise<VersionState> {
  try {
    return await loadVersionState(from, version, roots)
  } catch (error) {
    if (!isDamage(error)) throw error
    return { ...nothing(roots), version, unreadable: error.message }
  }
}

function nothing(roots: readonly { readonly path: string }[]): VersionState {
  return {
    version: 0,
    manifest: EMPTY_MANIFEST,
    record: undefined,
    vault: PLAIN_VAULT,
    damage: new Map(),
    chainDamaged: false,
    unreadable: '',
    roots: new Set(roots.keys()),
  }
}

/** Of a version that the log has named: the object is damaged, or gone. */
export function isDamage(error: unknown): error is HoldfastError {
  return error instanceof CorruptObjectError || error instanceof NotFoundError
}

/** A delta that is told against this version would need a manifest that is lost. */
export async function isChainDamaged(
  log: VersionLog,
  version: number,
  damage: Damage,
): Promise<boolean> {
  const lost = versionsWithoutManifest(damage)
  if (lost.size === 0) return false
  try {
    for (let next = version; next !== 0;) {
      if (lost.has(next)) return true
      next = (await requireVersion(log, next)).manifest.base
    }
    return false
  } catch (error) {
    if (isDamage(error)) return true
    throw error
  }
}

/** Brings bytes of a version that nothing sealed with `writing` may refer to; undefined: it may. */
export function foreignBytes(
  from: RepositoryPart,
  { version, vault }: VersionState,
  writing: Vault,
): FetchForeign | undefined {
  if (version === 0 || vault.keyId === writing.keyId) return undefined
  const source = new ChunkSource(
    new ObjectReader(from.store, from.log.stream, from.patience),
    vault,
  )
  return (chunk) => source.read(chunk)
}

/**
 * A chain on which the next commit may tell only its changes; a fresh one where the declared paths are others now, or
 * what it seals with, or where it would be told against what is lost.
 */
export function chainOf(
  state: VersionState,
  roots: readonly { readonly path: string }[],
  writing: Vault,
): DeltaChain {
  const { record, vault, chainDamaged } = state
  const isForeign = vault.keyId !== writing.keyId
  if (record === undefined || isForeign || chainDamaged || !sameRoots(record.roots, roots))
    return new DeltaChain()
  return new DeltaChain({ n: record.n, depth: record.manifest.depth })
}

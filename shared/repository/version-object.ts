import type { Manifest, ManifestDelta } from './manifest.ts'
import { EMPTY_MANIFEST, applyDeltaInPlace, decodeManifest, encodeManifest } from './manifest.ts'
import { CorruptObjectError, NotFoundError } from '../errors.ts'
import type { ObjectStore } from '../object-store/object-store.ts'
import { formatStreamName } from '../stream-name.ts'
import type { Entry, Fault } from './entry.ts'
import { parentName } from './entry.ts'
import { decodeFrame, encodeFrame } from './frame.ts'
import type { VersionRecord } from './log-record.ts'
import { versionKey } from './object-keys.ts'
import { MAGIC, encodeObject, sha256Hex } from './object-file.ts'
import { INLINE_PACK } from './pack-writer.ts'
import type { VersionLog } from './version-log.ts'
import { requireRecord } from './version-log.ts'

/** The frames of a version object, ready for whatever number its commit gets: small commits' bytes, then the manifest. */
export interface VersionPayload {
  readonly frames: readonly Buffer[]
  readonly manifest: Omit<VersionRecord['manifest'], 'base' | 'depth'>
}

export function encodeVersionPayload(
  inline: readonly Buffer[],
  delta: ManifestDelta,
): VersionPayload {
  const plain = encodeManifest(delta, INLINE_PACK)
  const stored = encodeFrame(plain)
  const offset = MAGIC.length + inline.reduce((sum, frame) => sum + frame.length, 0)
  return {
    frames: [...inline, stored],
    manifest: {
      frame: { offset, storedBytes: stored.length, plainBytes: plain.length },
      sha256: sha256Hex(plain),
    },
  }
}

export function encodeVersion(record: VersionRecord, payload: VersionPayload): Buffer {
  return encodeObject(payload.frames, record)
}

/**
 * The manifest of version `n`: the full one that its chain of deltas begins with, and the deltas in order.
 * Version 0 is "nothing". Throws `NotFoundError` when it is no version, `CorruptObjectError` when a link is damaged.
 */
export async function loadManifest(
  store: ObjectStore,
  log: VersionLog,
  n: number,
): Promise<Manifest> {
  if (n === 0) return EMPTY_MANIFEST
  const chain: VersionRecord[] = []
  for (let next = n; next !== 0;) {
    const record = await requireVersion(log, next)
    chain.push(record)
    next = record.manifest.base
  }
  const entries = new Map<string, Entry>()
  let faults: readonly Fault[] = []
  for (const record of chain.toReversed()) {
    const delta = await loadDelta(store, log, record)
    applyDeltaInPlace(entries, delta)
    faults = delta.faults
  }
  refuseBrokenTree(versionKey(log.stream, n), entries)
  return { entries, faults }
}

/**
 * No entry may lie below anything but a directory of the same version: nothing is ever written through a link.
 * A hard link names a file that is none itself.
 */
export function refuseBrokenTree(key: string, entries: ReadonlyMap<string, Entry>): void {
  for (const entry of entries.values()) {
    const { name } = entry
    const parent = parentName(name)
    if (parent !== undefined && entries.get(parent)?.type !== 'directory')
      throw new CorruptObjectError(key, `it places "${name}" below something that is no directory`)
    if (entry.type !== 'file' || entry.hardLinkOf === undefined) continue
    const first = entries.get(entry.hardLinkOf)
    if (first?.type !== 'file' || first.hardLinkOf !== undefined)
      throw new CorruptObjectError(
        key,
        `it links "${name}" to "${entry.hardLinkOf}", which is no file of its own`,
      )
  }
}

async function loadDelta(
  store: ObjectStore,
  log: VersionLog,
  record: VersionRecord,
): Promise<ManifestDelta> {
  const key = versionKey(log.stream, record.n)
  const { frame } = record.manifest
  const object = await store.get(key, { offset: frame.offset, lengthBytes: frame.storedBytes })
  if (object === undefined)
    throw new NotFoundError(
      `v${record.n} of ${formatStreamName(log.stream)} has gone while it was read`,
    )
  return decodeDelta(key, record, object.body)
}

/** What a version's own frame says: all entries, or what changed since its base. Throws `CorruptObjectError`. */
export function decodeDelta(key: string, record: VersionRecord, stored: Buffer): ManifestDelta {
  const { frame, sha256 } = record.manifest
  const plain = decodeFrame(key, stored, frame)
  if (sha256Hex(plain) !== sha256)
    throw new CorruptObjectError(key, 'its manifest does not match its hash')
  return decodeManifest(key, plain, `v${record.n}`)
}

/** As `requireRecord`, of a version; a record that is no version is an error that says what it is. */
export async function requireVersion(log: VersionLog, n: number): Promise<VersionRecord> {
  const { record } = await requireRecord(log, n)
  if (record.kind === 'version') return record
  throw new NotFoundError(
    `v${n} of ${formatStreamName(log.stream)} is a record ("${record.kind}"), no version${record.parent === 0 ? '' : `; the version before it is v${record.parent}`}`,
  )
}

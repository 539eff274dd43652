import { createHash } from 'node:crypto'
import type { Manifest, ManifestDelta } from './manifest.ts'
import type { ManifestLine } from './manifest-decoder.ts'
import { EMPTY_MANIFEST, encodeManifest } from './manifest.ts'
import { ManifestDecoder, Places } from './manifest-decoder.ts'
import type { Vault } from '../encryption/vault.ts'
import { CorruptObjectError, NotFoundError } from '../errors.ts'
import type { ObjectStore } from '../object-store/object-store.ts'
import { formatStreamName } from '../stream-name.ts'
import type { Fault } from './entry.ts'
import { EntryTable } from './entry-table.ts'
import type { FrameRef } from './frame.ts'
import { openFrame, sealFrame } from './frame.ts'
import { FrameCompressor } from './frame-compressor.ts'
import { giveBack } from './give-back.ts'
import type { VersionRecord } from './log-record.ts'
import { versionKey } from './object-keys.ts'
import { MAGIC, encodeTail } from './object-file.ts'
import { INLINE_PACK } from './pack-writer.ts'
import { UsualLine } from './usual-line.ts'
import type { LoggedRecord, VersionLog } from './version-log.ts'
import { requireOpened, requireRecord } from './version-log.ts'

/** Blocks of a manifest are fetched together up to this many stored bytes. */
const FETCH_BYTES = 4 * 1024 * 1024

/** The frames of a version object, ready for whatever number its commit gets: small commits' bytes, then the manifest. */
export interface VersionPayload {
  /** The object as far as it is known, with room for the header behind it. */
  readonly body: Buffer
  readonly bodyBytes: number
  readonly manifest: Omit<VersionRecord['manifest'], 'base' | 'depth'>
}

/** Encodes block by block, so that a manifest of any length needs room for its compressed bytes only. */
export async function encodeVersionPayload(
  inline: readonly Buffer[],
  delta: ManifestDelta,
  vault: Vault,
): Promise<VersionPayload> {
  const body = new GrowingBuffer()
  for (const part of [MAGIC, ...inline]) body.add(part)
  const offset = body.length
  const blocks: [number, number][] = []
  const hash = createHash('sha256')
  const compressor = new FrameCompressor()
  for (const plain of encodeManifest(delta, INLINE_PACK)) {
    hash.update(plain)
    const stored = await sealFrame(vault, plain, compressor)
    body.add(stored)
    blocks.push([stored.length, plain.length])
    giveBack(plain, stored)
  }
  compressor.close()
  const sha256 = vault.idOfDigest(hash.digest()).toString('hex')
  const manifest = { offset, blocks, sha256 }
  return { body: body.bytes, bodyBytes: body.length, manifest }
}

/** The whole object; overwrites what an earlier call for the same payload has given back. */
export function encodeVersion(
  record: VersionRecord,
  payload: VersionPayload,
  vault: Vault,
): Buffer {
  const tail = encodeTail(vault.sealHeader(record, 'roots'))
  const { body, bodyBytes } = payload
  if (bodyBytes + tail.length > body.length)
    return Buffer.concat([body.subarray(0, bodyBytes), tail])
  tail.copy(body, bodyBytes)
  return body.subarray(0, bodyBytes + tail.length)
}

/** Room that is not written to yet takes no memory, so there is plenty once it is needed. */
class GrowingBuffer {
  bytes = Buffer.alloc(64 * 1024)
  length = 0

  add(part: Buffer): void {
    if (this.length + part.length > this.bytes.length) {
      const before = this.bytes
      this.bytes = Buffer.alloc((this.length + part.length) * 4)
      before.copy(this.bytes, 0, 0, this.length)
    }
    part.copy(this.bytes, this.length)
    this.length += part.length
  }
}

/**
 * The manifest of version `n`: the full one that its chain of deltas begins with, and the deltas in order.
 * Version 0 is "nothing". Throws `NotFoundError` when it is no version, `CorruptObjectError` when a link is damaged,
 * `WrongKeyError` when one is sealed with another key.
 */
export async function loadManifest(
  store: ObjectStore,
  log: VersionLog,
  n: number,
): Promise<Manifest> {
  if (n === 0) return EMPTY_MANIFEST
  const chain: VersionRecord[] = []
  for (let next = n; next !== 0;) {
    const record = await openVersion(log, next)
    chain.push(record)
    next = record.manifest.base
  }
  const entries = new EntryTable()
  const places = new Places()
  let faults: readonly Fault[] = []
  for (const record of chain.toReversed())
    faults = await applyDelta(entries, readDelta(store, log, record, places))
  refuseBrokenTree(versionKey(log.stream, n), entries)
  return { entries, faults }
}

/** Makes of a base's entries those of the version whose blocks of lines these are; returns its faults. */
export async function applyDelta(
  entries: EntryTable,
  blocks: AsyncIterable<Iterable<ManifestLine>> | Iterable<Iterable<ManifestLine>>,
): Promise<Fault[]> {
  const faults: Fault[] = []
  for await (const lines of blocks)
    for (const line of lines)
      if (line instanceof UsualLine) entries.setUsual(line)
      else if (line.kind === 'entry') entries.set(line.entry)
      else if (line.kind === 'gone') entries.delete(line.name)
      else faults.push(line.fault)
  return faults
}

/**
 * No entry may lie below anything but a directory of the same version: nothing is ever written through a link.
 * A hard link names a file that is none itself.
 */
export function refuseBrokenTree(key: string, entries: EntryTable): void {
  for (const parent of entries.parents()) {
    if (parent === '' || entries.glance(parent)?.type === 'directory') continue
    const [name = ''] = entries.namesIn(parent)
    throw new CorruptObjectError(key, `it places "${name}" below something that is no directory`)
  }
  for (const row of entries.rows()) {
    const hardLinkOf = entries.hardLinkOfAt(row)
    if (hardLinkOf === undefined) continue
    const first = entries.glance(hardLinkOf)
    if (first?.type !== 'file' || first.hardLinkOf !== undefined)
      throw new CorruptObjectError(
        key,
        `it links "${entries.nameAt(row)}" to "${hardLinkOf}", which is no file of its own`,
      )
  }
}

/**
 * What a version's own blocks say, block by block: all entries, or what changed since its base. Each block's lines are to
 * be read before the next block is asked for: its bytes are given back then.
 * Throws `CorruptObjectError`, in the end where the whole does not match its hash.
 */
export async function* readDelta(
  store: ObjectStore,
  log: VersionLog,
  record: VersionRecord,
  places = new Places(),
): AsyncGenerator<Iterable<ManifestLine>> {
  const key = versionKey(log.stream, record.n)
  const vault = await log.vaults.reading(record.key)
  const decoder = new ManifestDecoder(key, `v${record.n}`, places)
  const hash = createHash('sha256')
  for (const group of groupsOf(record.manifest)) {
    const first = group[0] as FrameRef
    const lengthBytes = group.reduce((sum, { storedBytes }) => sum + storedBytes, 0)
    const object = await store.get(key, { offset: first.offset, lengthBytes })
    if (object === undefined)
      throw new NotFoundError(
        `v${record.n} of ${formatStreamName(log.stream)} has gone while it was read`,
      )
    for (const block of group) {
      const start = block.offset - first.offset
      const stored = object.body.subarray(start, start + block.storedBytes)
      const plain = openFrame(vault, key, stored, block)
      hash.update(plain)
      yield decoder.decode(plain)
      giveBack(plain, object.body)
    }
  }
  if (vault.idOfDigest(hash.digest()).toString('hex') !== record.manifest.sha256)
    throw new CorruptObjectError(key, 'its manifest does not match its hash')
  decoder.end()
}

/** Runs of neighbouring blocks, each fetched with one request. */
function groupsOf({ offset, blocks }: VersionRecord['manifest']): FrameRef[][] {
  const groups: FrameRef[][] = []
  let groupBytes = Infinity
  let at = offset
  for (const [storedBytes, plainBytes] of blocks) {
    if (groupBytes + storedBytes > FETCH_BYTES) {
      groups.push([])
      groupBytes = 0
    }
    groups.at(-1)?.push({ offset: at, storedBytes, plainBytes })
    groupBytes += storedBytes
    at += storedBytes
  }
  return groups
}

/** As `requireRecord`, of a version; a record that is no version is an error that says what it is. */
export async function requireVersion(log: VersionLog, n: number): Promise<VersionRecord> {
  return versionOf(log, await requireRecord(log, n))
}

/** As `requireVersion`, with what is sealed in its header. */
export async function openVersion(log: VersionLog, n: number): Promise<VersionRecord> {
  return versionOf(log, await requireOpened(log, n))
}

function versionOf(log: VersionLog, { record }: LoggedRecord): VersionRecord {
  if (record.kind === 'version') return record
  throw new NotFoundError(
    `v${record.n} of ${formatStreamName(log.stream)} is a record ("${record.kind}"), no version${record.parent === 0 ? '' : `; the version before it is v${record.parent}`}`,
  )
}

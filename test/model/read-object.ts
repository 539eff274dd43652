/**
 * Reads log records and versions by what docs/format.md says, sharing no code with the agent, so that the oracle
 * does not believe what it has to judge.
 */
import { createHash } from 'node:crypto'
import { zstdDecompressSync } from 'node:zlib'
import type { LogRecord, VersionRecord } from '../../shared/repository/log-record.ts'
import { nameOfBytes } from './values.ts'

/** Brings an object by the last part of its key: a pack's name, or `v<n>`. Throws when it is not there. */
export type FetchObject = (name: string) => Buffer

interface ManifestLine {
  packs?: string[]
  name?: string
  type?: 'file' | 'directory' | 'symlink' | 'gone'
  sizeBytes?: number
  chunks?: (string | number)[][]
  fault?: { kind: string; name: string }
}

/** The header of any object: its last line but one. */
export function readRecord(object: Buffer): LogRecord {
  const trailer = object.subarray(-76).toString('latin1')
  const line = object.subarray(-76 - Number(trailer.slice(0, 10)), -76)
  const hash = createHash('sha256').update(line).digest('hex')
  if (hash !== trailer.slice(11, 75)) throw new Error('the header does not match its hash')
  return JSON.parse(line.toString()) as LogRecord
}

/** The files of version `n`, every byte fetched and rehashed. */
export function readVersion(fetch: FetchObject, n: number): Map<string, string> {
  const files = new Map<string, { chunks: (string | number)[][]; packs: string[]; self: string }>()
  if (n > 0)
    for (const { lines, self } of deltas(fetch, n)) {
      const packs = lines.flatMap((line) => line.packs ?? [])
      for (const { name = '', type, chunks = [] } of lines)
        if (type === 'gone') files.delete(name)
        else if (type === 'file') files.set(name, { chunks, packs, self })
    }
  return new Map(
    [...files].map(([name, { chunks, packs, self }]) => [
      name,
      nameOfBytes(Buffer.concat(chunks.map((chunk) => readChunk(fetch, chunk, packs, self)))),
    ]),
  )
}

/** The names of all objects that version `n` refers to for its bytes. */
export function objectsOfVersion(fetch: FetchObject, n: number): Set<string> {
  const names = new Set<string>()
  const files = new Map<string, string[]>()
  for (const { lines, self } of deltas(fetch, n)) {
    names.add(self)
    const packs = lines.flatMap((line) => line.packs ?? [])
    for (const { name = '', type, chunks = [] } of lines)
      if (type === 'gone') files.delete(name)
      else if (type === 'file')
        files.set(
          name,
          chunks.flatMap((chunk) => (chunk[0] === 0 ? [] : [packName(chunk, packs, self)])),
        )
  }
  for (const packs of files.values()) for (const pack of packs) names.add(pack)
  return names
}

function deltas(fetch: FetchObject, n: number): { lines: ManifestLine[]; self: string }[] {
  const chain: { lines: ManifestLine[]; self: string }[] = []
  for (let next = n; next !== 0;) {
    const object = fetch(`v${next}`)
    const record = readRecord(object) as VersionRecord
    if (record.kind !== 'version') throw new Error(`v${next} is no version`)
    const { offset, blocks, sha256, base } = record.manifest
    let at = offset
    const parts: Buffer[] = []
    for (const [storedBytes, plainBytes] of blocks) {
      parts.push(unpack(object.subarray(at, at + storedBytes), { storedBytes, plainBytes }))
      at += storedBytes
    }
    const plain = Buffer.concat(parts)
    if (createHash('sha256').update(plain).digest('hex') !== sha256)
      throw new Error(`the manifest of v${next} does not match its hash`)
    const text = plain.toString().trimEnd()
    chain.push({
      lines: text.split('\n').map((line) => JSON.parse(line) as ManifestLine),
      self: `v${next}`,
    })
    next = base
  }
  return chain.toReversed()
}

function packName(chunk: (string | number)[], packs: string[], self: string): string {
  const pack = packs[Number(chunk[2])] ?? 'unknown'
  return pack === '.' ? self : pack
}

/** `[id, length, pack, frame's offset, stored and plain length, start within it]`, or `[0, length]` for a hole. */
function readChunk(
  fetch: FetchObject,
  chunk: (string | number)[],
  packs: string[],
  self: string,
): Buffer {
  if (chunk[0] === 0) return Buffer.alloc(Number(chunk[1]))
  const [, lengthBytes, , offset, storedBytes, plainBytes, start] = chunk.map(Number)
  const object = fetch(packName(chunk, packs, self))
  const stored = object.subarray(offset, Number(offset) + Number(storedBytes))
  const frame = { storedBytes: Number(storedBytes), plainBytes: Number(plainBytes) }
  const plain = unpack(stored, frame)
  const bytes = plain.subarray(start, Number(start) + Number(lengthBytes))
  if (createHash('sha256').update(bytes).digest('hex') !== chunk[0])
    throw new Error(`chunk ${chunk[0]} does not match its hash`)
  return bytes
}

function unpack(stored: Buffer, frame: { storedBytes: number; plainBytes: number }): Buffer {
  return frame.storedBytes === frame.plainBytes ? stored : zstdDecompressSync(stored)
}

/** A stream of twelve versions, copied into memory for each test, that a test may damage and `verify` then reads. */
import { randomBytes } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect } from 'vitest'
import { Terminal } from '../../cli/terminal.ts'
import type { Coverage } from '../../cli/verify-coverage.ts'
import { recordResult } from '../../cli/verify-record.ts'
import type { StreamResult } from '../../cli/verify-stream.ts'
import { verifyStream } from '../../cli/verify-stream.ts'
import { openStore } from '../../shared/object-store/open-store.ts'
import type { ByteRange } from '../../shared/object-store/object-store.ts'
import { readDamage, withoutDamaged } from '../../shared/repository/damage.ts'
import { decodeHeader, encodeObject } from '../../shared/repository/object-file.ts'
import { packsPrefix, pruneKey } from '../../shared/repository/object-keys.ts'
import { VersionLog } from '../../shared/repository/version-log.ts'
import { loadManifest } from '../../shared/repository/version-object.ts'
import { MemoryStore, patience } from '../shared/repository/memory-store.ts'
import { holdfastHere } from './command.ts'
import { freshFolder } from './odd-tree.ts'

export const STREAM = { namespace: 'test', app: 'app', slot: '0' }
const ALL: Coverage = { percent: 100, seed: 0 }
const MIB = 1024 * 1024

interface Fetch {
  readonly key: string
  readonly range: ByteRange | undefined
}

/** Notes what is read of each object. */
class WatchedStore extends MemoryStore {
  readonly fetches: Fetch[] = []

  override get(key: string, range?: ByteRange) {
    this.fetches.push({ key, range })
    return super.get(key, range)
  }
}

/**
 * The objects of twelve versions over the same three large files, which fit into one pack; each but the first changes a
 * file of 300 KiB, which travels inline.
 */
export async function makeTwelveVersions(): Promise<ReadonlyMap<string, Buffer>> {
  const folder = await freshFolder()
  try {
    return await replicateTwelveTimes(folder)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function replicateTwelveTimes(folder: string): Promise<ReadonlyMap<string, Buffer>> {
  const source = join(folder, 'source')
  const at = pathToFileURL(join(folder, 'repository')).href
  const stream = ['--store', at, '--stream', 'test/app/0']
  mkdirSync(source)
  for (const name of ['a', 'b', 'c']) writeFileSync(join(source, name), randomBytes(2.4 * MIB))
  for (let i = 0; i < 12; i += 1) {
    writeFileSync(join(source, 'changing'), randomBytes(300 * 1024))
    const made = await holdfastHere('replicate', ...stream, '--path', source, '--once')
    expect(made.code).toBe(0)
  }
  const files = await openStore(at)
  const objects = new Map<string, Buffer>()
  for (const { key } of await files.list(''))
    objects.set(key, readFileSync(join(folder, 'repository', key)))
  return objects
}

/** The objects in memory, and ways to read and to harm them. */
export class DamageableStream {
  readonly store = new WatchedStore()
  /** Numbers of versions, oldest first. */
  readonly numbers: number[] = []

  /** A copy of these objects. */
  static async of(objects: ReadonlyMap<string, Buffer>): Promise<DamageableStream> {
    const stream = new DamageableStream()
    for (const [key, body] of objects) stream.put(key, Buffer.from(body))
    const { log } = stream.reading()
    for (const { n } of (await log.numbers()).toReversed())
      if ((await log.record(n))?.record.kind === 'version') stream.numbers.push(n)
    stream.store.fetches.length = 0
    return stream
  }

  /** The i-th version's number, from 0. */
  nth(i: number): number {
    return this.numbers.at(i) ?? 0
  }

  /** Keys of the packs that are there. */
  packs(): string[] {
    return [...this.store.objects.keys()].filter((key) => key.startsWith(packsPrefix(STREAM)))
  }

  reading() {
    const patient = { ...patience(), giveUpAfterMs: 0 }
    const { store } = this
    return { store, patience: patient, log: new VersionLog(store, STREAM, patient) }
  }

  verify(coverage = ALL): Promise<StreamResult> {
    const nowhere = { write: () => true, on: () => undefined } as never
    return verifyStream(this.reading(), undefined, coverage, new Terminal(nowhere, nowhere))
  }

  /** Names of files of the head that an agent ships again after a verification. */
  async filesToReadAgain(): Promise<Set<string>> {
    await recordResult(this.reading(), await this.verify())
    const { entries } = await loadManifest(this.store, this.reading().log, this.nth(-1))
    return withoutDamaged(entries.values(), await readDamage(this.store, STREAM))
  }

  /** Turns one bit around. */
  spoil(key: string, at: number): void {
    const body = this.store.objects.get(key)?.body
    body?.writeUInt8(body.readUInt8(at) ^ 1, at)
  }

  put(key: string, body: Buffer): void {
    this.store.objects.set(key, { body, modifiedAt: new Date() })
  }

  rewriteHeader(key: string, change: object): void {
    const object = this.store.objects.get(key)
    const header = decodeHeader(key, object?.body ?? Buffer.alloc(0)) as object
    // No frames: what stands before the header is not read before the header is understood.
    const body = encodeObject([], { ...header, ...change })
    this.put(key, body)
  }

  /** Says that these versions, in ranges, were pruned. */
  prune(...versions: readonly (readonly [number, number])[]): void {
    const named = { versions, objects: [] }
    const nothing = { versions: [], objects: [] }
    const keep = { allMs: 0, hourly: 0, daily: 0, weekly: 0 }
    const about = { format: 1, kind: 'prune', stream: 'test/app/0', k: 1, id: 'x', keep }
    const body = encodeObject([], { ...about, planned: nothing, gone: named })
    this.put(pruneKey(STREAM, 1), body)
  }
}

/** What earlier releases have written is read by this one, every byte of it. `make.ts` says how a piece is made. */
import fs from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { zstdDecompressSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { WrapSchema } from '../../shared/encryption/key-wrap.ts'
import { DamageSchema } from '../../shared/repository/damage.ts'
import { HoldSchema } from '../../shared/repository/holds.ts'
import type { VersionRecord } from '../../shared/repository/log-record.ts'
import { RecordSchema } from '../../shared/repository/log-record.ts'
import { EntryLine, FaultLine } from '../../shared/repository/manifest-decoder.ts'
import { MovedSchema } from '../../shared/repository/moved-pack.ts'
import { decodeHeader } from '../../shared/repository/object-file.ts'
import { PruneSchema } from '../../shared/repository/prune-record.ts'
import { TagSchema } from '../../shared/repository/tags.ts'
import { VerdictSchema } from '../../shared/repository/verdict.ts'
import { asOtherUser, isRoot } from '../agent/capture/temp-volume.ts'
import { attributePlace } from '../support/attribute-place.ts'
import { temporaryFolder } from '../support/agent-pod.ts'
import { allowedBy, seenIn } from './coverage.ts'
import type { Listing } from './listing.ts'
import { withoutAttributes, withoutOwners } from './listing.ts'
import type { Expected } from './piece.ts'
import {
  PIECES,
  digestOf,
  expectedOf,
  keysIn,
  layOut,
  pieceNames,
  resolved,
  restored,
  verified,
  versionsOf,
} from './piece.ts'

const place = attributePlace()
if ('folder' in place) fs.chmodSync(place.folder, 0o755)
afterAll(() => {
  if ('folder' in place) fs.rmSync(place.folder, { recursive: true, force: true })
})

/** A folder below which attributes are kept, where there is one. */
function freshFolder(): string {
  if (!('folder' in place)) return temporaryFolder()
  return fs.mkdtempSync(path.join(place.folder, 'restored-'))
}

/** As far as this machine can give it back, and tell. */
function comparable(listing: Listing, owners: boolean): Listing {
  const owned = owners ? listing : withoutOwners(listing)
  return 'folder' in place ? owned : withoutAttributes(owned)
}

describe.each(pieceNames())('piece %s', (piece) => {
  const expected: Expected = expectedOf(piece)
  let store: string
  beforeAll(() => {
    process.env['HOLDFAST_KEY'] = expected.key
    store = path.join(
      fs.mkdtempSync(path.join('folder' in place ? place.folder : tmpdir(), 'piece-')),
      'store',
    )
    layOut(piece, expected, store)
    fs.chmodSync(path.dirname(store), 0o755)
    return () => {
      delete process.env['HOLDFAST_KEY']
      fs.rmSync(path.dirname(store), { recursive: true })
    }
  })

  test('is as it was put there', () => {
    const at = path.join(PIECES, piece, 'store')
    const found = keysIn(at).map((key) => [key, digestOf(path.join(at, key))])
    const listed = Object.entries(expected.objects).map(([key, { sha256 }]) => [key, sha256])
    expect(found).toEqual(listed)
  })

  test('is found to be sound, but for what was damaged on purpose', async () => {
    const copy = path.join(freshFolder(), 'store')
    layOut(piece, expected, copy)
    expect(await verified(copy)).toEqual(expected.verify)
  })

  describe.each(Object.keys(expected.streams))('%s', (stream) => {
    const { pins = {}, versions = {} } = expected.streams[stream] ?? {}

    test('each pin is resolved as it was', async () => {
      const found = Object.keys(pins).map(async (pin) => [pin, await resolved(store, stream, pin)])
      expect(Object.fromEntries(await Promise.all(found))).toEqual(pins)
    })

    test('each version is restored as it was', async () => {
      for (const { name, version, tree, exit } of await expectedVersions()) {
        const found = await restored(store, stream, version, path.join(freshFolder(), 'to'))
        expect(found.exit, found.result.stderr).toBe(exit)
        expect(comparable(found.tree, isRoot), name).toEqual(comparable(tree, isRoot))
      }
    })

    test.skipIf(!isRoot)(
      'each version is restored by who is not root, but for owners',
      async () => {
        for (const { name, version, tree, exit } of await expectedVersions()) {
          const into = freshFolder()
          fs.chmodSync(into, 0o777)
          const found = await asOtherUser(() =>
            restored(store, stream, version, path.join(into, 'to')),
          )
          expect(found.exit, found.result.stderr).toBe(exit)
          expect(comparable(found.tree, false), name).toEqual(comparable(tree, false))
        }
      },
    )

    async function expectedVersions() {
      const all = await versionsOf(store, stream)
      return Object.entries(versions).map(([name, { exit, tree }]) => {
        const version = all.find(({ n }) => `v${n}` === name)
        if (version === undefined) throw new Error(`${name} is not there`)
        return { name, version, exit, tree }
      })
    }
  })
})

describe('the museum has a piece of each kind: what is new asks for a new piece, beside the old ones', () => {
  const seen = new Set<string>()
  const folders = new Set<string>()
  for (const piece of pieceNames())
    for (const key of keysIn(path.join(PIECES, piece, 'store'))) look(piece, key)

  function look(piece: string, key: string): void {
    const object = fs.readFileSync(path.join(PIECES, piece, 'store', key))
    const header = decodeHeader(key, object) as { kind: string; format: number }
    folders.add(/^v1\/(?:streams\/[^/]+\/[^/]+\/[^/]+\/)?([a-z]+)\//.exec(key)?.[1] ?? key)
    seen.add(header.kind)
    for (const each of seenIn(header, header.kind)) seen.add(each)
    if (header.kind === 'version' && header.format === 1) lookInto(header as VersionRecord, object)
  }

  function lookInto({ manifest }: VersionRecord, object: Buffer): void {
    seen.add(manifest.base === 0 ? 'full' : `delta of depth ${manifest.depth}`)
    let { offset } = manifest
    for (const [storedBytes, plainBytes] of manifest.blocks) {
      const stored = object.subarray(offset, (offset += storedBytes))
      const plain = storedBytes === plainBytes ? stored : zstdDecompressSync(stored)
      for (const line of plain.toString().split('\n').filter(Boolean))
        for (const each of seenIn(JSON.parse(line), 'line')) seen.add(each)
    }
  }

  const text = fs.readFileSync(path.join(import.meta.dirname, '../../docs/format.md'), 'utf8')

  test('of object, as docs/format.md tells', () => {
    const told = [...text.matchAll(/^ {2}"kind": "(\w+)"/gm)].map(([, kind = '']) => kind)
    expect(new Set(told).size).toBeGreaterThan(12)
    expect(told.filter((kind) => !seen.has(kind))).toEqual([])
  })

  test('of folder, but for questions for the time, which do not stay', () => {
    const told = [...text.matchAll(/^ {2}([a-z]+)\/<?[a-z0-9]/gm)].map(([, folder = '']) => folder)
    expect(told).toContain('moved')
    const stays = told.filter((folder) => folder !== 'clock')
    expect([...stays, 'keys'].filter((folder) => !folders.has(folder))).toEqual([])
  })

  test('of manifest', () => {
    for (const each of ['full', 'delta of depth 1', 'delta of depth 2'])
      expect(seen).toContain(each)
  })

  const schemas = Object.entries({
    key: WrapSchema,
    tag: TagSchema,
    verdict: VerdictSchema,
    damage: DamageSchema,
    hold: HoldSchema,
    prune: PruneSchema,
    moved: MovedSchema,
  })
  const records = RecordSchema.options.map(
    (record) => [record.entries.kind.literal, record] as const,
  )
  const lines = [EntryLine, FaultLine].map((line) => ['line', line] as const)

  /** Webhooks read it; no agent learns a digest yet. */
  const unwritten = 'version.images.digest'

  test.each([...schemas, ...records, ...lines])('of field and choice: %s', (kind, schema) => {
    const missing = [...allowedBy(schema, kind)].filter((each) => !seen.has(each))
    expect(missing.filter((each) => each !== unwritten)).toEqual([])
  })
})

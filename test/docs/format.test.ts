/** `docs/format.md` says what the code does: its examples are read by the code, and it names every field there is. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import * as v from 'valibot'
import { describe, expect, it } from 'vitest'
import { StreamVaults } from '../../shared/encryption/stream-vaults.ts'
import { MARK_NAME } from '../../agent/volume/layout.ts'
import { MarkSchema, readMark } from '../../agent/volume/mark.ts'
import {
  WrapSchema,
  decodeWrap,
  encodeWrap,
  unwrapDataKey,
} from '../../shared/encryption/key-wrap.ts'
import type { KeyWrap } from '../../shared/encryption/key-wrap.ts'
import type { LogRecord, VersionRecord } from '../../shared/repository/log-record.ts'
import { RecordSchema, parseLogRecord } from '../../shared/repository/log-record.ts'
import { advance } from '../../shared/repository/log-state.ts'
import { EntryTable } from '../../shared/repository/entry-table.ts'
import {
  EntryLine,
  FaultLine,
  HeadLine,
  ManifestDecoder,
} from '../../shared/repository/manifest-decoder.ts'
import { applyDelta } from '../../shared/repository/version-object.ts'
import { encodeObject, sha256Hex } from '../../shared/repository/object-file.ts'
import {
  packKey,
  tagKey,
  verdictKey,
  versionKey,
  wrapKey,
} from '../../shared/repository/object-keys.ts'
import type { StoredChunk } from '../../shared/repository/entry.ts'
import { DamageSchema, recordDamage } from '../../shared/repository/damage.ts'
import { HoldSchema } from '../../shared/repository/holds.ts'
import { MovedSchema } from '../../shared/repository/moved-pack.ts'
import { PruneSchema } from '../../shared/repository/prune-record.ts'
import { TagSchema, readTag } from '../../shared/repository/tags.ts'
import { VerdictSchema, readVerdict } from '../../shared/repository/verdict.ts'
import { MemoryStore } from '../shared/repository/memory-store.ts'

const text = readFileSync(path.join(import.meta.dirname, '../../docs/format.md'), 'utf8')
const STREAM = { namespace: 'shop', app: 'shop', slot: '0' }

function blocks(language: string): string[] {
  return [...text.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)].flatMap(([, found, block = '']) =>
    found === language ? [block] : [],
  )
}

const examples = blocks('json').map((block) => JSON.parse(block) as Record<string, unknown>)
const example = (kind: string | undefined) => examples.filter((each) => each['kind'] === kind)
const records = examples.filter((each) => 'log' in each)
const manifests = blocks('jsonl')

function parse(header: Record<string, unknown>): LogRecord {
  const n = header['n'] as number
  return parseLogRecord(versionKey(STREAM, n), header, 'shop/shop/0', n)
}

describe('the examples', () => {
  it('are one of each kind of object, and the mark', () => {
    const beside = ['pack', 'tag', 'verdict', 'damage', 'hold', 'prune', 'moved']
    const kinds = ['version', ...beside, 'open', 'restore', 'done', 'closed', undefined, 'key']
    expect(examples.map(({ kind }) => kind)).toEqual(kinds)
  })

  it.each(records)('$kind is read as it stands, with nothing left over', (header) => {
    expect(parse(header)).toEqual(header)
  })

  it('of the log follow from each other', () => {
    const [, ...log] = records.map(parse)
    for (const [i, record] of log.entries()) {
      const before = log[i - 1]
      if (before !== undefined) expect(advance(before.log, record)).toEqual(record.log)
    }
    expect(log).toHaveLength(4)
  })

  it('of keys are those of the objects', () => {
    for (const { n } of records.map(parse).filter((each) => each.n >= 8 || each.n === 3))
      expect(text).toContain(versionKey(STREAM, n).slice('v1/streams/shop/shop/0/'.length))
    expect(text).toContain(packKey(STREAM, example('pack')[0]?.['name'] as string))
    expect(text).toContain(tagKey(STREAM, example('tag')[0]?.['tag'] as string))
  })

  it('of manifests are, byte by byte, what the version says: v3 on v2', async () => {
    const version = parse(example('version')[0] ?? {}) as VersionRecord
    const [full = '', delta = ''] = manifests
    expect(sha256Hex(Buffer.from(delta))).toBe(version.manifest.sha256)
    expect(version.manifest.blocks.map(([, plain]) => plain)).toEqual([Buffer.byteLength(delta)])
    const entries = new EntryTable()
    for (const [name, lines] of [
      ['v2', full],
      ['v3', delta],
    ] as const)
      await applyDelta(entries, [new ManifestDecoder(name, name).decode(Buffer.from(lines))])
    const { files, directories, symlinks } = version.counts
    expect(entries.size).toBe(files + directories + symlinks)
  })

  it('of the pack hold every chunk that the manifest names, where it says', () => {
    const { name, frames } = example('pack')[0] as {
      name: string
      frames: { chunks: [string, number, number][] }[]
    }
    const listed = frames.flatMap(({ chunks, ...frame }) =>
      chunks.map(([id, start, lengthBytes]) => ({
        id,
        lengthBytes,
        frame: { ...frame, pack: name },
        start,
      })),
    )
    const lines = new ManifestDecoder('v3', 'v3').decode(Buffer.from(manifests[1] ?? ''))
    const named: StoredChunk[] = []
    for (const line of lines)
      if (line.kind === 'entry' && line.entry.type === 'file')
        named.push(...line.entry.chunks.filter((c): c is StoredChunk => 'id' in c))
    expect(named).toHaveLength(3)
    expect(listed).toEqual(expect.arrayContaining(named))
  })

  it('of the tag is one', async () => {
    const [header = {}] = example('tag')
    const store = new MemoryStore()
    const body = encodeObject([], header)
    store.objects.set(tagKey(STREAM, 'before-upgrade'), { body, modifiedAt: new Date() })
    expect(await readTag(store, STREAM, 'before-upgrade')).toBe(4)
  })

  it('of the wrapped key opens with the key that stands beside it', () => {
    const wrap = example('key')[0] as unknown as KeyWrap
    const key = wrapKey('shop', 1)
    expect(text).toContain(`\`${key}\``)
    expect(decodeWrap(key, encodeWrap(wrap))).toEqual(wrap)
    const given = /key-encryption key is\s+`([^`]+)`/.exec(text)?.[1] ?? ''
    expect(unwrapDataKey(wrap, Buffer.from(given, 'base64'))?.id).toBe(wrap.key)
  })

  it('of the verdict is one, and its key says what it does', async () => {
    const [header = {}] = example('verdict')
    const store = new MemoryStore()
    const { from, to, percent, damaged } = v.parse(VerdictSchema, header)
    const key = verdictKey(STREAM, { number: 2, from, to, percent, sound: damaged.length === 0 })
    expect(text).toContain(`\`${key.slice('v1/streams/shop/shop/0/'.length)}\``)
    store.objects.set(key, { body: encodeObject([], header), modifiedAt: new Date() })
    expect(await readVerdict(store, STREAM, key, new StreamVaults(STREAM))).toEqual(header)
  })

  it('of the notice of damage is one, about a chunk of the manifest', async () => {
    const {
      format: _format,
      kind: _kind,
      stream: _stream,
      ...notice
    } = v.parse(DamageSchema, example('damage')[0])
    const store = new MemoryStore()
    await recordDamage(store, STREAM, notice)
    const [key = ''] = store.objects.keys()
    const digest = key.split('/').at(-1) ?? ''
    expect(text).toContain(`\`damaged/${notice.pack}/${digest}\``)
    expect(text).toContain(String(notice.chunks[0]?.[2]))
  })

  it('of the mark is one', () => {
    const volume = mkdtempSync(path.join(tmpdir(), 'format-'))
    try {
      const [mark] = example(undefined)
      writeFileSync(path.join(volume, MARK_NAME), JSON.stringify(mark))
      expect(readMark(volume)).toEqual(mark)
    } finally {
      rmSync(volume, { recursive: true })
    }
  })
})

/** The names of all fields below a schema. */
function fieldsOf(schema: v.GenericSchema): string[] {
  const { entries, options, wrapped, item } = schema as {
    entries?: Record<string, v.GenericSchema>
    options?: readonly unknown[]
    wrapped?: v.GenericSchema
    item?: v.GenericSchema
  }
  const below = [...Object.values(entries ?? {}), ...(options ?? []), wrapped, item].filter(
    (each): each is v.GenericSchema => typeof each === 'object',
  )
  return [...Object.keys(entries ?? {}), ...below.flatMap(fieldsOf)]
}

it('every field of every object is named, and said what it means', () => {
  const schemas: v.GenericSchema[] = [
    RecordSchema,
    TagSchema,
    VerdictSchema,
    DamageSchema,
    HoldSchema,
    PruneSchema,
    MovedSchema,
    WrapSchema,
    MarkSchema,
    EntryLine,
    FaultLine,
    HeadLine,
  ]
  const fields = new Set(schemas.flatMap(fieldsOf))
  expect(fields.size).toBeGreaterThan(60)
  const prose = text.replaceAll(/^```[\s\S]*?^```$/gm, '')
  const named = new Set(
    [...prose.matchAll(/`([^`\n]+)`/g)].flatMap(([, code = '']) => code.split(/\W+/)),
  )
  expect([...fields].filter((field) => !named.has(field))).toEqual([])
})
